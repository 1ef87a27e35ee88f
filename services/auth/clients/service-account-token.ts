import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose';
import { z } from 'zod';
import type { ServiceAccountTokens } from '../settings.ts';

/** Longer than any that Kubernetes issues unless it is asked to: whoever finds one may use it for that long. Seconds. */
const longestLifeSeconds = 3600;
/** Clocks of API servers and of ours. Seconds. */
const clockToleranceSeconds = 10;

const claimsSchema = z.object({
  sub: z.string(),
  iat: z.number(),
  exp: z.number(),
  /** Ours and nobody else's: whoever is named beside us could use it here. */
  aud: z.union([z.string(), z.array(z.string()).length(1)]),
});

/** Whom an assertion says that it is of, when it says to be the cluster's; nothing of it is verified. */
export const readServiceAccountSubject = (
  assertion: string,
  trusted: ServiceAccountTokens | undefined,
): string | undefined => {
  if (trusted === undefined) return undefined;
  try {
    const { iss, sub } = decodeJwt(assertion);
    return iss === trusted.issuer && typeof sub === 'string' ? sub : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
};

export type VerifyServiceAccountToken = (token: string, subject: string) => Promise<boolean>;

/**
 * Whether a token is one that the cluster gave to `subject` (`system:serviceaccount:<namespace>:<name>`) for us. Such a
 * token is used for as long as it lives, so no id of it is kept, and it lives for an hour at most. jose takes tokens
 * without these claims, hence the schema.
 * @param issuer ours, which the token has to be for
 */
export const createServiceAccountTokenVerifier =
  (issuer: string, trusted: () => ServiceAccountTokens | undefined): VerifyServiceAccountToken =>
  async (token, subject) => {
    const cluster = trusted();
    if (cluster === undefined) return false;
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet(cluster.jwks), {
        issuer: cluster.issuer,
        audience: issuer,
        clockTolerance: clockToleranceSeconds,
      });
      const claims = claimsSchema.safeParse(payload);
      return claims.success && claims.data.sub === subject && claims.data.exp - claims.data.iat <= longestLifeSeconds;
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return false;
      throw error;
    }
  };
