import * as argon2 from '@node-rs/argon2';
import type { ConcurrencyLimit } from './concurrency-limit.ts';

/** OWASP's second choice for Argon2id: 19 MiB, two passes, one lane. */
const parameters = {
  algorithm: 2 satisfies argon2.Algorithm.Argon2id,
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
} as const;

/** What a hash costs: memory in KiB and the passes over it. */
export type HashCost = { readonly memoryCost: number; readonly timeCost: number };

/** Argon2's least for one lane. */
const minimumMemoryCost = 8;

/**
 * What is left to do after a comparison with a hash that was made more cheaply, so that it takes as long as one with today's:
 * what a password costs is memory times passes. Undefined for nothing.
 */
export const planRemainingWork = (stored: HashCost, wanted: HashCost = parameters): HashCost | undefined => {
  const remaining = wanted.memoryCost * wanted.timeCost - stored.memoryCost * stored.timeCost;
  if (remaining < minimumMemoryCost) return undefined;
  const timeCost = Math.ceil(remaining / wanted.memoryCost);
  return { memoryCost: Math.max(minimumMemoryCost, Math.round(remaining / timeCost)), timeCost };
};

export type PasswordHashing = {
  /** PHC string of an Argon2id hash. Throws `HashingOverloaded`. */
  hash(password: string): Promise<string>;
  /**
   * Compares in the same time with and without a stored hash, and with one that older parameters have made, so that nobody
   * learns by waiting whether an account exists. Throws `HashingOverloaded`.
   */
  verify(storedHash: string | undefined, password: string): Promise<boolean>;
  /** True when the hash was made with weaker parameters than today's. */
  needsRehash(storedHash: string): boolean;
};

/**
 * `limit` bounds how many hashes run at once: they share libuv's threads with everything else that signs and verifies,
 * and eight of them at once take a signature from 0.2 to 29 ms.
 */
export const createPasswordHashing = async (
  limit: ConcurrencyLimit,
  { hash, verify }: Pick<typeof argon2, 'hash' | 'verify'> = argon2,
): Promise<PasswordHashing> => {
  const standIn = await hash('a password that nobody has', parameters);
  return {
    hash: (password) => limit.run(() => hash(password, parameters)),
    verify: async (storedHash, password) => {
      const compared = storedHash ?? standIn;
      const matches = await limit.run(async () => {
        const isRight = await verify(compared, password);
        const remaining = isRight ? undefined : planRemainingWork(argon2.parseOptions(compared));
        if (remaining !== undefined) await hash(password, { ...parameters, ...remaining });
        return isRight;
      });
      return storedHash !== undefined && matches;
    },
    needsRehash: (storedHash) => {
      const stored = argon2.parseOptions(storedHash);
      return (
        stored.algorithm !== parameters.algorithm ||
        stored.memoryCost < parameters.memoryCost ||
        stored.timeCost < parameters.timeCost
      );
    },
  };
};
