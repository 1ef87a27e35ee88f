import type { RevocationSet } from '../token-store/client/revocation-set.ts';
import type { VerifiedToken } from './access-token.ts';
import type { ConnectionCertificate } from './client-certificates.ts';
import { type HeaderList, headerValues } from './forwarded-headers.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { GatewayRoute } from './settings.ts';

/** The value of `WWW-Authenticate` (RFC 6750, 3). Scopes cannot hold quotes by their grammar; others are left out. */
const challenge = (parameters: Record<string, string>): string => {
  const list = Object.entries(parameters).map(
    ([name, value]) => `${name}="${value.replaceAll(/[^\x20-\x7e]|["\\]/g, '')}"`,
  );
  return ['Bearer', list.join(', ')].filter((part) => part !== '').join(' ');
};

const unauthorized = (detail: string, parameters: Record<string, string>): Refusal =>
  refuse(401, 'unauthorized', 'An access token is needed', detail, { 'WWW-Authenticate': challenge(parameters) });

export const invalidToken = (reason: string): Refusal =>
  unauthorized(`The access token is ${reason}`, {
    error: 'invalid_token',
    error_description: `The access token is ${reason}`,
  });

export type PresentedToken = { ok: true; jwt: string | undefined } | { ok: false; refusal: Refusal };

/** The bearer token of a request (RFC 6750, 2.1; only the header is read). Another scheme is the service's own matter. */
export const parseBearerToken = (headers: HeaderList): PresentedToken => {
  const [authorization, ...more] = headerValues(headers, 'authorization');
  if (authorization === undefined) {
    return { ok: true, jwt: undefined };
  }
  // Services differ in which of two they believe.
  if (more.length > 0) {
    const refusal = refuse(400, 'invalid-request', 'More than one Authorization header', undefined, {
      'WWW-Authenticate': challenge({ error: 'invalid_request' }),
    });
    return { ok: false, refusal };
  }
  const [scheme, credentials, ...rest] = authorization.trim().split(/[ \t]+/);
  if (scheme?.toLowerCase() === 'dpop') {
    return { ok: false, refusal: invalidToken('bound to a key, which is not supported') };
  }
  if (scheme?.toLowerCase() !== 'bearer') {
    return { ok: true, jwt: undefined };
  }
  if (credentials === undefined || rest.length > 0) {
    return { ok: false, refusal: invalidToken('malformed') };
  }
  return { ok: true, jwt: credentials };
};

/** A route that requires a token gets one. */
export const checkPresence = (route: GatewayRoute, jwt: string | undefined): Refusal | undefined =>
  route.authentication === 'Required' && jwt === undefined
    ? unauthorized('The request has no bearer token', {})
    : undefined;

/**
 * A bound token without what it is bound to is worth nothing. DPoP proofs are not read, so what they belong to is refused,
 * never taken as a bearer.
 */
export const checkBinding = (
  { binding }: VerifiedToken,
  certificate: ConnectionCertificate | undefined,
): Refusal | undefined => {
  switch (binding.kind) {
    case 'none':
      return undefined;
    case 'unsupported':
      return invalidToken('bound to a key, which is not supported');
    case 'certificate':
      return certificate?.thumbprint === binding.thumbprint
        ? undefined
        : invalidToken('bound to a certificate that the connection does not have');
  }
};

/** Asked at each use, of verified tokens that are kept too: that is when a revocation has come meanwhile. */
export const checkRevocation = (
  { revocation }: VerifiedToken,
  isRevoked: RevocationSet['isRevoked'],
): Refusal | undefined => (isRevoked(revocation) ? invalidToken('revoked') : undefined);

export const checkAudience = (token: VerifiedToken, route: GatewayRoute, issuer: string): Refusal | undefined =>
  token.audiences.includes(route.audience ?? issuer) ? undefined : invalidToken('meant for another audience');

export const checkScopes = (token: VerifiedToken, route: GatewayRoute): Refusal | undefined => {
  const missing = route.scopes.filter((scope) => !token.scopes.includes(scope));
  if (missing.length === 0) {
    return undefined;
  }
  return refuse(403, 'insufficient-scope', 'The access token lacks a scope', `Missing: ${missing.join(' ')}`, {
    'WWW-Authenticate': challenge({ error: 'insufficient_scope', scope: route.scopes.join(' ') }),
  });
};
