import { errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { buildRevocationKeys, type RevocationKeys } from '../token-store/client/revocation-keys.ts';
import type { VerificationKeys } from './verification-keys.ts';

/** RFC 6749, appendix A: what a subject, client or scope is made of. Safe in a header, too. */
const visibleText = z.string().regex(/^[\x20-\x7e]+$/);

/** RFC 9068, 2.2. jose accepts a token without `exp`, and claims of any type. */
const accessTokenClaimsSchema = z.object({
  iss: z.string(),
  sub: visibleText.max(255),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number().positive(),
  iat: z.number().positive(),
  jti: z.string().min(1),
  client_id: visibleText.max(255),
  /** Ours: the grant, absent where there is no user, and the client's epoch. */
  gid: z.string().min(1).optional(),
  cep: z.int().min(0).optional(),
  scope: visibleText.optional(),
  /** RFC 7800: the token is of use only together with a proof. */
  cnf: z.record(z.string(), z.unknown()).optional(),
});

/** What a token says, after its signature and its issuer have been checked. */
export type VerifiedToken = {
  subject: string;
  clientId: string;
  audiences: string[];
  scopes: string[];
  /** Epoch milliseconds, with the clock skew that is granted. */
  endsAt: number;
  jti: string;
  /** What it can be revoked by. */
  revocation: RevocationKeys;
  binding: TokenBinding;
};

/** What a token is of use with only (`cnf`): a certificate of its client, by its thumbprint, or something unknown here. */
export type TokenBinding = { kind: 'none' } | { kind: 'certificate'; thumbprint: string } | { kind: 'unsupported' };

/** A second member would be a second thing to prove. */
const bindingOf = (cnf: Record<string, unknown> | undefined): TokenBinding => {
  if (cnf === undefined) {
    return { kind: 'none' };
  }
  const { 'x5t#S256': thumbprint, ...others } = cnf;
  return typeof thumbprint === 'string' && Object.keys(others).length === 0
    ? { kind: 'certificate', thumbprint }
    : { kind: 'unsupported' };
};

export type TokenVerification = { ok: true; token: VerifiedToken } | { ok: false; reason: string };

export type TokenRules = { issuer: string; clockSkewSeconds: number };

/**
 * Verifies a JWT access token offline (RFC 9068, 4): header type, a key of the keyring by `kid` with that key's own
 * algorithm, signature, issuer, lifetime, required claims. Audience and scopes are each route's own matter.
 */
export const verifyAccessToken = async (
  jwt: string,
  keys: VerificationKeys,
  rules: TokenRules,
  now: Date,
): Promise<TokenVerification> => {
  try {
    const { payload, protectedHeader } = await jwtVerify(
      jwt,
      ({ kid, alg }) => {
        const known = keys.byKid.get(kid ?? '');
        // Only the key's own algorithm: HS256 with a public key as its secret is the classic forgery.
        if (known === undefined || known.algorithm !== alg) {
          throw new errors.JWKSNoMatchingKey();
        }
        return known.key;
      },
      {
        issuer: rules.issuer,
        typ: 'at+jwt',
        clockTolerance: rules.clockSkewSeconds,
        currentDate: now,
        requiredClaims: ['exp', 'sub', 'aud', 'jti', 'client_id'],
      },
    );
    const claims = accessTokenClaimsSchema.safeParse(payload);
    if (!claims.success) {
      return { ok: false, reason: 'claims of the wrong type' };
    }
    const { sub, client_id, aud, scope, exp, jti, gid, cep, cnf } = claims.data;
    return {
      ok: true,
      token: {
        subject: sub,
        clientId: client_id,
        audiences: [aud].flat(),
        scopes: scope?.split(' ').filter((part) => part !== '') ?? [],
        endsAt: (exp + rules.clockSkewSeconds) * 1_000,
        jti,
        revocation: buildRevocationKeys({ kid: protectedHeader.kid, jti, gid, client_id, cep }),
        binding: bindingOf(cnf),
      },
    };
  } catch (error) {
    if (error instanceof errors.JWTExpired) {
      return { ok: false, reason: 'expired' };
    }
    if (error instanceof errors.JOSEError) {
      return { ok: false, reason: 'not valid here' };
    }
    throw error;
  }
};
