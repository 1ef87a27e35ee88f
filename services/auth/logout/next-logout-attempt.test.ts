import { describe, expect, it } from 'vitest';
import { decideNextLogoutAttempt } from './next-logout-attempt.ts';

describe('decideNextLogoutAttempt', () => {
  it.each([
    [1, 0, 1],
    [2, 1, 2],
    [12, 2047, 2048],
    [13, 4095, 3600],
    [2000, 86_399, 3600],
    [35, 86_400, null],
  ])('attempt %i at an age of %i s: %s', (attempts, age, expected) => {
    expect(decideNextLogoutAttempt(attempts, age)).toBe(expected);
  });
});
