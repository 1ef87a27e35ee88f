import { hash } from 'node:crypto';
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';

/** What the token-store takes for one; ours are never another. */
const identifier = z
  .string()
  .min(1)
  .max(512)
  .refine((text) => !text.includes('\0'));

/** The claims of one of our access tokens (RFC 9068); what else is in it stays in it. */
const accessTokenSchema = z.looseObject({
  sub: identifier,
  aud: z.string().min(1),
  jti: identifier,
  client_id: identifier,
  exp: z.int(),
  iat: z.int(),
  scope: z.string().default(''),
  /** The grant; absent where there is no user. */
  gid: identifier.optional(),
  /** The epoch of the client; one that has passed was revoked with everything else of the client's. */
  cep: z.int().min(0).default(0),
  cnf: z.object({ jkt: identifier.optional(), 'x5t#S256': identifier.optional() }).optional(),
});
export type AccessTokenClaims = z.infer<typeof accessTokenSchema>;

export type VerifyAccessToken = (token: string) => Promise<AccessTokenClaims | undefined>;

/** Claims of a few hundred bytes each: some MB at most. */
const mostTokens = 5_000;

type VerifiedToken = { readonly claims: AccessTokenClaims; readonly kid: string };

/**
 * Verifies signature, type, issuer, lifetime and the shape of the claims; undefined for every token that is not ours and
 * alive now. Whether it has been revoked is another question. jose accepts a token without `exp`, hence the required
 * claims, and one without `kid` where a single key fits, hence the check of it.
 *
 * A token that was verified is not verified again while it lives; it is kept as its SHA-256 only. Refusals are not kept,
 * since anyone could fill the room with them.
 * @param isKeyRevoked by `kid`: the feed may know sooner than the keyring
 */
export const createAccessTokenVerifier = (
  issuer: string,
  jwks: JSONWebKeySet,
  isKeyRevoked: (kid: string) => boolean = () => false,
  clock: () => number = Date.now,
): VerifyAccessToken => {
  const keys = createLocalJWKSet(jwks);
  const verified = new LRUCache<string, VerifiedToken>({ max: mostTokens });

  const verify = async (token: string, now: number): Promise<VerifiedToken | undefined> => {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keys, {
        issuer,
        typ: 'at+jwt',
        requiredClaims: ['exp', 'iat', 'sub', 'aud', 'jti', 'client_id'],
        currentDate: new Date(now),
      });
      const { kid } = protectedHeader;
      const parsed = accessTokenSchema.safeParse(payload);
      return kid !== undefined && parsed.success ? { claims: parsed.data, kid } : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
      throw error;
    }
  };

  return async (token) => {
    const now = clock();
    const digest = hash('sha256', token, 'base64url');
    const known = verified.get(digest) ?? (await verify(token, now));
    if (known === undefined || isKeyRevoked(known.kid)) return undefined;
    verified.set(digest, known);
    // As jose counts: the second of its end is none of its life.
    return known.claims.exp > Math.floor(now / 1000) ? known.claims : undefined;
  };
};
