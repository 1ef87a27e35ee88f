import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';

const day = 86_400_000;

describe('a timer of a month', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('fires after a month', () => {
    const fired: number[] = [];
    const start = Date.now();
    systemClock.schedule(60 * day, () => fired.push((Date.now() - start) / day));
    vi.advanceTimersByTime(61 * day);
    expect(fired).toEqual([60]);
  });

  test('can be cancelled at any time', () => {
    const fired: number[] = [];
    const cancel = systemClock.schedule(60 * day, () => fired.push(1));
    vi.advanceTimersByTime(30 * day);
    cancel();
    vi.advanceTimersByTime(60 * day);
    expect(fired).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
