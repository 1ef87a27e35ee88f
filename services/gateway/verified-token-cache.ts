import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type TokenRules, type TokenVerification, type VerifiedToken, verifyAccessToken } from './access-token.ts';
import type { VerificationKeys } from './verification-keys.ts';

const mostTokens = 20_000;

export type TokenVerifier = {
  verify(jwt: string): Promise<TokenVerification>;
  /** Takes over a new revision of the keyring, and forgets what was verified by the old one. */
  useKeys(keys: VerificationKeys): void;
};

/**
 * Verifies each token once while it lives. Tokens are kept as their SHA-256 only, so that a heap dump holds none; refusals
 * are not kept, since anyone could fill the cache with them.
 */
export const createTokenVerifier = (
  initial: VerificationKeys,
  rules: TokenRules,
  clock: () => number = Date.now,
): TokenVerifier => {
  let keys = initial;
  let verified = new LRUCache<string, VerifiedToken>({ max: mostTokens });
  return {
    verify: async (jwt) => {
      const now = clock();
      const digest = createHash('sha256').update(jwt).digest('base64url');
      const known = verified.get(digest);
      if (known) {
        return known.endsAt > now ? { ok: true, token: known } : { ok: false, reason: 'expired' };
      }
      // A verification under way while the keys change must not end up in the new cache.
      const cache = verified;
      const result = await verifyAccessToken(jwt, keys, rules, new Date(now));
      if (result.ok) {
        cache.set(digest, result.token);
      }
      return result;
    },
    useKeys: (next) => {
      keys = next;
      verified = new LRUCache({ max: mostTokens });
    },
  };
};
