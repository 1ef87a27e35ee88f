import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { z } from 'zod';

/** The claims of one of our access tokens (RFC 9068) that userinfo needs. */
const accessTokenSchema = z.object({
  sub: z.string().min(1),
  jti: z.string().min(1),
  client_id: z.string().min(1),
  exp: z.number(),
  iat: z.number(),
  scope: z.string().catch(''),
  gid: z.string().min(1).optional(),
});
export type AccessTokenClaims = z.infer<typeof accessTokenSchema>;

export type VerifyAccessToken = (token: string) => Promise<AccessTokenClaims | undefined>;

/**
 * Verifies signature, type, issuer and lifetime; undefined for every token that is not ours and alive now. Whether it has
 * been revoked is another question. jose accepts a token without `exp`, hence the required claims.
 */
export const createAccessTokenVerifier = (issuer: string, jwks: JSONWebKeySet): VerifyAccessToken => {
  const keys = createLocalJWKSet(jwks);
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        typ: 'at+jwt',
        requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id'],
      });
      const parsed = accessTokenSchema.safeParse(payload);
      return parsed.success ? parsed.data : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
      throw error;
    }
  };
};
