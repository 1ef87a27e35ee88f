import { type Algorithm, hash, parseOptions, verify } from '@node-rs/argon2';
import type { ConcurrencyLimit } from './concurrency-limit.ts';

/** OWASP's second choice for Argon2id: 19 MiB, two passes, one lane. */
const parameters = {
  algorithm: 2 satisfies Algorithm.Argon2id,
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
} as const;

export type PasswordHashing = {
  /** PHC string of an Argon2id hash. Throws `HashingOverloaded`. */
  hash(password: string): Promise<string>;
  /**
   * Compares in the same time with and without a stored hash, so that nobody learns by waiting whether an account
   * exists. Throws `HashingOverloaded`.
   */
  verify(storedHash: string | undefined, password: string): Promise<boolean>;
  /** True when the hash was made with weaker parameters than today's. */
  needsRehash(storedHash: string): boolean;
};

/**
 * `limit` bounds how many hashes run at once: they share libuv's threads with everything else that signs and verifies,
 * and eight of them at once take a signature from 0.2 to 29 ms.
 */
export const createPasswordHashing = async (limit: ConcurrencyLimit): Promise<PasswordHashing> => {
  const standIn = await hash('a password that nobody has', parameters);
  return {
    hash: (password) => limit.run(() => hash(password, parameters)),
    verify: async (storedHash, password) => {
      const matches = await limit.run(() => verify(storedHash ?? standIn, password));
      return storedHash !== undefined && matches;
    },
    needsRehash: (storedHash) => {
      const stored = parseOptions(storedHash);
      return (
        stored.algorithm !== parameters.algorithm ||
        stored.memoryCost < parameters.memoryCost ||
        stored.timeCost < parameters.timeCost
      );
    },
  };
};
