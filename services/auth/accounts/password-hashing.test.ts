import * as argon2 from '@node-rs/argon2';
import { describe, expect, it } from 'vitest';
import { createConcurrencyLimit } from './concurrency-limit.ts';
import { createPasswordHashing, type HashCost, planRemainingWork } from './password-hashing.ts';

const costOf = ({ memoryCost, timeCost }: HashCost): number => memoryCost * timeCost;
const wanted = { memoryCost: 19_456, timeCost: 2 };

describe('the work that is left after a comparison', () => {
  it.each([
    ['today’s', wanted],
    ['a dearer one', { memoryCost: 65_536, timeCost: 3 }],
  ])('is none with %s hash', (_what, stored) => {
    expect(planRemainingWork(stored, wanted)).toBeUndefined();
  });

  it.each([
    [{ memoryCost: 19_456, timeCost: 1 }],
    [{ memoryCost: 4096, timeCost: 3 }],
    [{ memoryCost: 8, timeCost: 1 }],
    [{ memoryCost: 7168, timeCost: 5 }],
  ])('makes a cheap hash as dear as today’s: %j', (stored) => {
    const remaining = planRemainingWork(stored, wanted) ?? { memoryCost: 0, timeCost: 0 };
    expect(Math.abs(costOf(stored) + costOf(remaining) - costOf(wanted))).toBeLessThan(10);
    expect(remaining.memoryCost).toBeLessThanOrEqual(wanted.memoryCost);
  });
});

it('does the same work for an unknown address and for a wrong password of an old hash', async () => {
  const done: number[] = [];
  const engine = {
    hash: ((password, options) => {
      done.push(costOf({ memoryCost: 0, timeCost: 0, ...options }));
      return argon2.hash(password, options);
    }) satisfies typeof argon2.hash,
    verify: ((stored, password) => {
      done.push(costOf(argon2.parseOptions(String(stored))));
      return argon2.verify(stored, password);
    }) satisfies typeof argon2.verify,
  };
  const workOf = async (stored: string | undefined, password: string): Promise<number> => {
    done.length = 0;
    await hashing.verify(stored, password);
    return done.reduce((sum, cost) => sum + cost, 0);
  };
  const hashing = await createPasswordHashing(createConcurrencyLimit({ concurrency: 1, maxWaiting: 9 }), engine);
  const old = await argon2.hash('right', { memoryCost: 4096, timeCost: 3, parallelism: 1 });
  const unknown = await workOf(undefined, 'wrong');
  expect(await workOf(await hashing.hash('right'), 'wrong')).toBe(unknown);
  expect(Math.abs((await workOf(old, 'wrong')) - unknown)).toBeLessThan(10);
  expect([await hashing.verify(old, 'right'), hashing.needsRehash(old)]).toEqual([true, true]);
});
