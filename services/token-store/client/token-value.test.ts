import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTokenValue, parseTokenDay } from './token-value.ts';

const random = 'KpVbA4dFhJkLmNoPqRsTuVwXyZ0123456789_-abcde';

describe('a token’s value', () => {
  it('names the day of its end', () => {
    expect(buildTokenValue(random, 1_795_564_799)).toBe(`20781~${random}`);
    expect(buildTokenValue(random, 1_795_564_800)).toBe(`20782~${random}`);
  });

  it('gives the day back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_700_000_000, max: 4_000_000_000 }), (seconds) => {
        expect(parseTokenDay(buildTokenValue(random, seconds))).toBe(Math.floor(seconds / 86_400));
      }),
    );
  });

  it.each([
    '',
    random,
    `~${random}`,
    `20781~`,
    `20781~short`,
    `20781~${random}~`,
    `-1~${random}`,
    `1e9~${random}`,
    `20781 ~${random}`,
    `9999999~${random}`,
    `20781~${random}\n`,
  ])('is not %j', (value) => {
    expect(parseTokenDay(value)).toBeUndefined();
  });
});
