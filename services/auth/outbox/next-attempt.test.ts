import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideNextAttempt } from './next-attempt.ts';

describe('decideNextAttempt', () => {
  it('waits twice as long each time, up to a bound', () => {
    const pauses = [1, 2, 3, 9, 10, 50].map((attempts) => decideNextAttempt('mail', { attempts, ageSeconds: 1 }, 0.5));
    expect(pauses).toEqual([2, 4, 8, 512, 900, 900]);
  });

  it('spreads what failed together', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 1000 }), (random, attempts) => {
        const pause = decideNextAttempt('revoke_subject', { attempts, ageSeconds: 1 }, random) ?? 0;
        expect(pause).toBeGreaterThanOrEqual(1);
        expect(pause).toBeLessThanOrEqual(45);
      }),
    );
  });

  it('gives a mail up after a day, and a revocation never', () => {
    const old = { attempts: 200, ageSeconds: 24 * 3600 };
    expect(decideNextAttempt('mail', { ...old, ageSeconds: 24 * 3600 - 1 }, 0)).toBeDefined();
    expect(decideNextAttempt('mail', old, 0)).toBeUndefined();
    expect(decideNextAttempt('revoke_subject', { ...old, ageSeconds: 1e9 }, 0)).toBeDefined();
  });
});
