import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationSchema, parseDurationMilliseconds, parseDurationSeconds } from './duration.ts';

describe('duration', () => {
  it.each([
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['720h', 2_592_000_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['0s', 0],
  ])('%s is %i ms', (text, milliseconds) => {
    expect(parseDurationMilliseconds(text)).toBe(milliseconds);
  });

  it.each(['', '30', '-1s', '1d', 's', '1h ', '1h30'])('refuses %j', (text) => {
    expect(durationSchema.safeParse(text).success).toBe(false);
    expect(() => parseDurationMilliseconds(text)).toThrow(RangeError);
  });

  it('adds its parts', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(59), fc.nat(59), (hours, minutes, seconds) => {
        expect(parseDurationSeconds(`${hours}h${minutes}m${seconds}s`)).toBe(hours * 3_600 + minutes * 60 + seconds);
      }),
    );
  });
});
