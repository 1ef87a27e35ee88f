import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { clientCertificateHeader, formatClientCertificate } from '../shared/contracts/client-certificate.ts';
import { certificateEndpoints } from '../shared/contracts/issuer-paths.ts';
import type { PeerTarget } from '../shared/peer-address.ts';
import type { RevocationSet } from '../token-store/client/revocation-set.ts';
import type { VerifiedToken } from './access-token.ts';
import {
  checkAudience,
  checkBinding,
  checkPresence,
  checkRevocation,
  checkScopes,
  invalidToken,
  parseBearerToken,
} from './authorization.ts';
import type { ClientAddress } from './client-address.ts';
import type { CertificateConnection, ConnectionCertificate } from './client-certificates.ts';
import { forwardedHeaders, type HeaderList, identityHeaders, stripRequestHeaders } from './forwarded-headers.ts';
import { checkLimits, parsePath } from './limits.ts';
import { type ProxyOutcome, type ProxyRequest, proxy } from './proxy.ts';
import { type Refusal, refuse, sendRefusal } from './refusal.ts';
import type { RequestPath } from './request-path.ts';
import { dropIssuerSetCookies, stripIssuerCookies } from './route-cookies.ts';
import { type Destination, decideRoute, type RouteTable } from './route-table.ts';
import type { GatewayRoute } from './settings.ts';
import type { TokenVerifier } from './verified-token-cache.ts';

/** Forms of a few hundred bytes; auth reads 56 KB at most. Bytes. */
const issuerBodyLimit = 65_536;
const issuerTimeoutMilliseconds = 10_000;
/** Repeatable requests only: what hashes a password takes longer, and is a POST. */
const issuerAttemptMilliseconds = 4_000;
const clientStallMilliseconds = 60_000;
const retryAfterSeconds = '1';

/** What all requests share. `routes` is a function since routes change live. */
export type GatewayParts = {
  issuer: string;
  routes: () => RouteTable;
  clientAddress: ClientAddress;
  certificateConnection: (request: IncomingMessage) => CertificateConnection | undefined;
  /** Of the entrance for certificates. */
  certificateOrigin: string | undefined;
  tokens: TokenVerifier;
  isRevoked: RevocationSet['isRevoked'];
  authTargets: () => Promise<PeerTarget[]>;
  upstreamTargets: (route: GatewayRoute) => PeerTarget[];
};

/** What the access log and the metrics say of a request. */
export type RequestNotes = {
  route: string;
  clientAddress: string;
  subject?: string;
  outcome?: string;
  /** Codes of what an upstream failed by, outermost first: `PEER_NOT_CONNECTED ECONNREFUSED`. Never a message. */
  failure?: string;
};

/** The limits and place of one request's way on. */
type Passage = Omit<ProxyRequest, 'request' | 'response'>;

type Authorized = { ok: true; token: VerifiedToken | undefined } | { ok: false; refusal: Refusal };

/** token -> binding -> revocation -> audience -> scope */
const authorize = async (
  route: GatewayRoute,
  headers: HeaderList,
  certificate: ConnectionCertificate | undefined,
  parts: GatewayParts,
): Promise<Authorized> => {
  if (route.authentication === 'None') {
    return { ok: true, token: undefined };
  }
  const presented = parseBearerToken(headers);
  if (!presented.ok) {
    return presented;
  }
  const absent = checkPresence(route, presented.jwt);
  if (absent || presented.jwt === undefined) {
    return absent ? { ok: false, refusal: absent } : { ok: true, token: undefined };
  }
  const verification = await parts.tokens.verify(presented.jwt);
  if (!verification.ok) {
    return { ok: false, refusal: invalidToken(verification.reason) };
  }
  const { token } = verification;
  const refusal =
    checkBinding(token, certificate) ??
    checkRevocation(token, parts.isRevoked) ??
    checkAudience(token, route, parts.issuer) ??
    checkScopes(token, route);
  return refusal ? { ok: false, refusal } : { ok: true, token };
};

const buildPassage = async (
  destination: Destination,
  path: RequestPath,
  headers: HeaderList,
  parts: GatewayParts,
): Promise<Passage> => {
  if (destination.kind === 'issuer') {
    return {
      targets: await parts.authTargets(),
      path: `${path.raw}${path.search}`,
      headers,
      timeoutMilliseconds: issuerTimeoutMilliseconds,
      attemptMilliseconds: issuerAttemptMilliseconds,
      clientStallMilliseconds,
      bodyLimit: issuerBodyLimit,
      body: 'whole',
    };
  }
  const { route, upstreamPath } = destination;
  return {
    targets: parts.upstreamTargets(route),
    path: upstreamPath,
    headers: stripIssuerCookies(headers),
    filterAnswer: dropIssuerSetCookies,
    timeoutMilliseconds: route.timeoutMilliseconds,
    clientStallMilliseconds,
    bodyLimit: Number.POSITIVE_INFINITY,
    body: 'streamed',
  };
};

const endpointPaths: ReadonlySet<string> = new Set(Object.values(certificateEndpoints));

/** Pages and their cookies belong to the issuer's own host; here are the endpoints that the discovery document names. */
const isServedByCertificate = ({ kind }: Destination, { decoded }: RequestPath, { issuerBase }: RouteTable): boolean =>
  kind === 'route' || endpointPaths.has(decoded.slice(issuerBase.length));

/** Auth is told of the certificate; services are not, they are told whose token it is. */
const certificateHeaders = ({ kind }: Destination, certificate: ConnectionCertificate | undefined): HeaderList =>
  kind === 'issuer' && certificate !== undefined ? [clientCertificateHeader, formatClientCertificate(certificate)] : [];

const nothingHere = refuse(404, 'not-found', 'Nothing is served at this address');

const routeRefusal = (decision: Exclude<ReturnType<typeof decideRoute>, { ok: true }>): Refusal => {
  switch (decision.reason) {
    case 'no_route':
      return nothingHere;
    case 'ambiguous':
      return refuse(400, 'ambiguous-path', 'The path can be read in more than one way');
    case 'method_not_allowed':
      return refuse(405, 'method-not-allowed', 'This method is not served at this address', undefined, {
        Allow: decision.allow.join(', '),
      });
  }
};

const tooSlow = refuse(408, 'body-too-slow', 'The body did not arrive in time', undefined, { Connection: 'close' });
const tooLarge = refuse(413, 'body-too-large', 'The body is too large', undefined, { Connection: 'close' });

/** What the client is told when there is no answer to pass on. */
const proxyRefusal = (outcome: ProxyOutcome, destination: Destination): Refusal | undefined => {
  switch (outcome.kind) {
    case 'answered':
    case 'client_left':
      return undefined;
    case 'body_too_large':
      return tooLarge;
    case 'body_too_slow':
      return tooSlow;
    case 'timeout':
      return refuse(504, 'upstream-timeout', 'The service behind did not answer in time');
    case 'unreachable':
      return destination.kind === 'issuer'
        ? refuse(503, 'auth-unavailable', 'Signing in is not available at the moment', undefined, {
            'Retry-After': retryAfterSeconds,
          })
        : refuse(502, 'upstream-unreachable', 'The service behind cannot be reached');
    case 'broken':
      return refuse(502, 'upstream-failed', 'The service behind broke off');
  }
};

const failureCodes = (error: unknown): string => {
  if (!(error instanceof Error)) {
    return 'unknown';
  }
  const code = 'code' in error ? String(error.code) : error.name;
  return error.cause === undefined ? code : `${code} ${failureCodes(error.cause)}`;
};

/**
 * The way of a request through the gateway, from top to bottom. Rate limits (by address, then by user and client) will
 * stand where they are named.
 */
export const handleRequest =
  (parts: GatewayParts): RequestHandler<unknown, unknown, unknown, unknown, { notes?: RequestNotes }> =>
  async (request, response) => {
    const notes: RequestNotes = { route: 'none', clientAddress: parts.clientAddress(request) };
    response.locals.notes = notes;

    // limits
    const overLimits = checkLimits(request);
    if (overLimits) {
      return sendRefusal(response, overLimits);
    }
    const parsed = parsePath(request);
    if (!parsed.ok) {
      return sendRefusal(response, parsed.refusal);
    }

    // route
    const decision = decideRoute(parts.routes(), request.method, parsed.path);
    if (!decision.ok) {
      return sendRefusal(response, routeRefusal(decision));
    }
    const { destination } = decision;
    notes.route = destination.kind === 'issuer' ? 'issuer' : destination.route.name;

    // certificate
    const connection = parts.certificateConnection(request);
    if (connection && !isServedByCertificate(destination, parsed.path, parts.routes())) {
      return sendRefusal(response, nothingHere);
    }
    const origin = connection ? (parts.certificateOrigin ?? parts.issuer) : parts.issuer;

    // client address, and identity headers of the client's own making
    const headers = stripRequestHeaders(request.rawHeaders);

    // (rate limit by address) -> token -> binding -> revocation -> audience -> scope
    const authorized: Authorized =
      destination.kind === 'issuer'
        ? { ok: true, token: undefined }
        : await authorize(destination.route, headers, connection?.certificate, parts);
    if (!authorized.ok) {
      return sendRefusal(response, authorized.refusal);
    }
    if (authorized.token) {
      notes.subject = authorized.token.subject;
    }

    // (rate limit by user and client) -> proxy
    const onward = [
      ...headers,
      ...forwardedHeaders(notes.clientAddress, new URL(origin)),
      ...certificateHeaders(destination, connection?.certificate),
      ...identityHeaders(authorized.token),
    ];
    const passage = await buildPassage(destination, parsed.path, onward, parts);
    if (Number(request.headers['content-length'] ?? 0) > passage.bodyLimit) {
      return sendRefusal(response, tooLarge);
    }
    const outcome = await proxy({ ...passage, request, response });
    notes.outcome = outcome.kind;
    if (outcome.kind === 'unreachable' || outcome.kind === 'broken') {
      notes.failure = failureCodes(outcome.error);
    }
    const refusal = proxyRefusal(outcome, destination);
    if (refusal) {
      sendRefusal(response, refusal);
    }
  };
