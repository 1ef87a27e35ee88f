import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { withLock } from './lock.ts';

const makeLockFile = async (): Promise<string> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'lock-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return path.join(folder, 'lock');
};

test('one at a time, and each gets its turn', async () => {
  const file = await makeLockFile();
  let inside = 0;
  let most = 0;
  const results = await Promise.all(
    [1, 2, 3].map((number) =>
      withLock(file, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
        return number;
      }),
    ),
  );
  expect(results).toEqual([1, 2, 3]);
  expect(most).toBe(1);
});

test('a failure gives the lock back', async () => {
  const file = await makeLockFile();
  await expect(
    withLock(file, async () => {
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(await withLock(file, async () => 'next')).toBe('next');
});

test('a lock file that cannot be made is an error', async () => {
  await expect(withLock('/no/such/folder/lock', async () => 'never')).rejects.toThrow('before it had the lock');
});
