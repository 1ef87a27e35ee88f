import type { RequestHandler } from 'express';
import { issuerRoot as root } from '../../shared/contracts/issuer-paths.ts';
import { sendProblem } from '../../shared/problem-details.ts';

/** Paths of auth below the issuer's own path. */
export const paths = {
  authorization: `${root}/authorize`,
  token: `${root}/token`,
  userinfo: `${root}/userinfo`,
  pushedAuthorizationRequest: `${root}/par`,
  deviceAuthorization: `${root}/device-authorization`,
  device: `${root}/device`,
  introspection: `${root}/introspect`,
  revocation: `${root}/revoke`,
  jwks: `${root}/jwks`,
  signOut: `${root}/sign-out`,
  interaction: `${root}/interaction`,
  assets: `${root}/assets`,
  /** Links of mails. */
  link: `${root}/link`,
  account: `${root}/account`,
} as const;

/** The issuer's path without a slash at its end: `''` for nearly everybody. */
export const issuerPath = (issuer: string): string => new URL(issuer).pathname.replace(/\/$/, '');

/** Throws for an issuer that cookies and browsers could not be used safely with. */
export const assertIssuer = (issuer: string): void => {
  const { protocol, search, hash, username } = new URL(issuer);
  if (protocol !== 'https:' || search !== '' || hash !== '' || username !== '' || issuer.endsWith('/')) {
    throw new Error('the issuer must be an https URL without user, query, fragment and slash at its end');
  }
};

/**
 * Makes every request one to the issuer. oidc-provider builds the addresses that it hands out from `Host`, `X-Forwarded-*`
 * and the request's target, all of which the outside chooses.
 */
export const pinIssuer = (issuer: string): RequestHandler => {
  const { host, protocol } = new URL(issuer);
  return (request, response, next) => {
    if (!request.url.startsWith('/')) {
      // RFC 9112 section 3.2.2: absolute form is for proxies, and we are none.
      sendProblem(response, {
        status: 400,
        type: 'urn:identity-operator:problem:malformed-target',
        title: 'The request target must be a path',
      });
      return;
    }
    request.headers.host = host;
    request.headers['x-forwarded-host'] = host;
    request.headers['x-forwarded-proto'] = protocol.slice(0, -1);
    next();
  };
};
