import type { RequestHandler } from 'express';
import { clientCertificateHeader } from '../../shared/contracts/client-certificate.ts';
import { certificateEndpoints as endpoints, issuerRoot as root } from '../../shared/contracts/issuer-paths.ts';
import { sendProblem } from '../../shared/problem-details.ts';

/** Paths of auth below the issuer's own path. */
export const paths = {
  authorization: `${root}/authorize`,
  token: endpoints.token_endpoint,
  userinfo: endpoints.userinfo_endpoint,
  pushedAuthorizationRequest: endpoints.pushed_authorization_request_endpoint,
  deviceAuthorization: endpoints.device_authorization_endpoint,
  device: `${root}/device`,
  introspection: endpoints.introspection_endpoint,
  revocation: endpoints.revocation_endpoint,
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

/** RFC 8705, 5: the endpoints that a client may call with its certificate, at an origin of their own. */
export const buildEndpointAliases = (issuer: string, origin: string): Record<string, string> =>
  Object.fromEntries(Object.entries(endpoints).map(([name, path]) => [name, `${origin}${issuerPath(issuer)}${path}`]));

/**
 * Makes every request one to the issuer. oidc-provider builds the addresses that it hands out from `Host`, `X-Forwarded-*`
 * and the request's target, all of which the outside chooses. What the gateway says to have come by the entrance for
 * certificates is at that origin: proofs name the address that they were sent to (`htu`, RFC 9449).
 */
export const pinIssuer = (issuer: string, certificateOrigin?: string): RequestHandler => {
  const { host: issuerHost, protocol } = new URL(issuer);
  const certificateHost = certificateOrigin === undefined ? undefined : new URL(certificateOrigin).host;
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
    const isForCertificates = certificateHost !== undefined && request.headers['x-forwarded-host'] === certificateHost;
    // From elsewhere it is a client's own word: a gateway of before there were certificates passes it on.
    if (!isForCertificates) delete request.headers[clientCertificateHeader];
    // This endpoint answers with the address of a page, and pages are at the issuer's host.
    const isAtCertificateHost = isForCertificates && !request.path.endsWith(paths.deviceAuthorization);
    const host = isAtCertificateHost ? certificateHost : issuerHost;
    request.headers.host = host;
    request.headers['x-forwarded-host'] = host;
    request.headers['x-forwarded-proto'] = protocol.slice(0, -1);
    next();
  };
};
