import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refreshTokenSeconds, sessionSeconds } from './lifetimes.ts';

const tokens = {
  accessTokenSeconds: 600,
  refreshTokenSeconds: 1000,
  refreshTokenAbsoluteSeconds: 5000,
  refreshReplayLeewaySeconds: 10,
  idTokenSeconds: 600,
  authorizationCodeSeconds: 60,
};

describe('lifetimes', () => {
  it.each([
    [0, 1000],
    [3000, 1000],
    [4500, 500],
    [4999, 1],
    [6000, 1],
  ])('of a refresh token whose family is %d s old: %d s', (age, expected) => {
    expect(refreshTokenSeconds(tokens, { firstIssuedAt: 100, now: 100 + age })).toBe(expected);
  });

  it.each([
    [undefined, 300],
    [900, 300],
    [100, 100],
  ])('of a session since %s: %d s', (signedInAt, expected) => {
    expect(sessionSeconds({ idleSeconds: 300, absoluteSeconds: 1000 }, { signedInAt, now: 1000 })).toBe(expected);
  });

  it('never slide past the absolute end while there is time left', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 999 }), { maxLength: 20 }), (pauses) => {
        let now = 0;
        let end = refreshTokenSeconds(tokens, { firstIssuedAt: 0, now });
        for (const pause of pauses) {
          now += pause;
          if (now >= end) return;
          end = now + refreshTokenSeconds(tokens, { firstIssuedAt: 0, now });
          expect(end).toBeLessThanOrEqual(tokens.refreshTokenAbsoluteSeconds);
        }
      }),
    );
  });
});
