import { describe, expect, it } from 'vitest';
import { createConcurrencyLimit, HashingOverloaded } from './concurrency-limit.ts';

describe('createConcurrencyLimit', () => {
  it('runs no more than its bound at once, in order, and refuses what does not fit the queue', async () => {
    const limit = createConcurrencyLimit({ concurrency: 2, maxWaiting: 3 });
    const finish: (() => void)[] = [];
    const started: number[] = [];
    const tasks = [0, 1, 2, 3, 4].map((task) =>
      limit.run(async () => {
        started.push(task);
        await new Promise<void>((resolve) => finish.push(resolve));
        return task;
      }),
    );
    await expect(limit.run(async () => 5)).rejects.toBeInstanceOf(HashingOverloaded);
    expect(started).toEqual([0, 1]);
    expect(limit.waiting()).toBe(3);
    for (let turn = 0; turn < 5; turn += 1) {
      finish[turn]?.();
      await tasks[turn];
      await Promise.resolve();
    }
    expect(await Promise.all(tasks)).toEqual([0, 1, 2, 3, 4]);
    expect(started).toEqual([0, 1, 2, 3, 4]);
    expect(await limit.run(async () => 'free again')).toBe('free again');
  });

  it('gives the turn on when a task fails', async () => {
    const limit = createConcurrencyLimit({ concurrency: 1, maxWaiting: 1 });
    const failing = limit.run(async () => {
      throw new Error('failed');
    });
    const next = limit.run(async () => 'next');
    await expect(failing).rejects.toThrow('failed');
    expect(await next).toBe('next');
  });
});
