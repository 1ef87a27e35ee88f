import { expect, test } from 'vitest';
import { createProgress, formatStep } from './progress.ts';

const recorded = () => {
  const lines: string[] = [];
  let now = 0;
  const progress = createProgress({
    write: (text) => {
      lines.push(text);
    },
    now: () => {
      now += 12_000;
      return now;
    },
  });
  return { lines, progress };
};

test('a step prints its name, what it did and how long it took', async () => {
  const { lines, progress } = recorded();
  const result = await progress.step('cluster', async (detail) => {
    detail('3 nodes');
    return 42;
  });
  expect(result).toBe(42);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^ {2}✓ cluster +3 nodes +12 s\n$/);
});

test('a step that fails prints the first line of the reason and throws on', async () => {
  const { lines, progress } = recorded();
  await expect(
    progress.step('cluster', async () => {
      throw new Error('no root\nmore');
    }),
  ).rejects.toThrow('no root');
  expect(lines[0]).toMatch(/^ {2}✗ cluster +no root +12 s\n$/);
});

test('a step shows no time below half a second, and minutes from 100 s on', () => {
  expect(formatStep('✓', 'a', 'b', 499)).toBe('  ✓ a              b\n');
  expect(formatStep('✓', 'a', 'b', 230_000)).toMatch(/ 4 m\n$/);
});

test('a note is printed at once, before its step has ended', async () => {
  const { lines, progress } = recorded();
  await progress.step('kubernetes', async () => {
    progress.note('compiling');
    expect(lines).toEqual(['  … compiling\n']);
  });
  expect(lines).toHaveLength(2);
});
