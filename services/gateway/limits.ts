import type { IncomingMessage } from 'node:http';
import { headerValues } from './forwarded-headers.ts';
import { type Refusal, refuse } from './refusal.ts';
import { type ParsedRequestPath, parseRequestPath } from './request-path.ts';

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

const pathRefusals: Record<Extract<ParsedRequestPath, { ok: false }>['reason'], Refusal> = {
  too_long: refuse(414, 'uri-too-long', 'The address is too long'),
  not_a_path: refuse(400, 'malformed-path', 'The address is not a path'),
  malformed: refuse(400, 'malformed-path', 'The path is malformed'),
  ambiguous: refuse(400, 'ambiguous-path', 'The path can be read in more than one way'),
};

/** RFC 3986, 3.2.2 and 3.2.3: a name or address, perhaps with a port. Empty is allowed. */
const hostValue = /^(\[[0-9a-f:.]+\]|[a-z0-9\-._~%!$&'()*+,;=]*)(:\d*)?$/i;

/** RFC 9112: what others on the way may have read as another request than we do. */
const isAmbiguouslyFramed = ({ httpVersionMajor, headers, rawHeaders }: IncomingMessage): boolean => {
  const hosts = headerValues(rawHeaders, 'host');
  const coding = headers['transfer-encoding'];
  return (
    httpVersionMajor !== 1 ||
    hosts.length > 1 ||
    !hosts.every((host) => hostValue.test(host)) ||
    (coding !== undefined && coding.toLowerCase() !== 'chunked')
  );
};

/** What no destination takes, whoever asks. */
export const checkLimits = (request: IncomingMessage): Refusal | undefined => {
  if (!knownMethods.has(request.method ?? '')) {
    return refuse(405, 'method-not-allowed', 'This method is not supported', undefined, {
      Allow: [...knownMethods].join(', '),
    });
  }
  if (isAmbiguouslyFramed(request)) {
    return refuse(400, 'malformed-request', 'The request is malformed', undefined, { Connection: 'close' });
  }
  // Other upgrades (`h2c` is offered by Java's client) may be ignored, RFC 9110, 7.8; a WebSocket client would wait.
  if (/\bwebsocket\b/i.test(request.headers.upgrade ?? '')) {
    return refuse(400, 'websocket-not-supported', 'WebSocket is not supported');
  }
  return undefined;
};

export const parsePath = (
  request: IncomingMessage,
): { ok: true; path: Extract<ParsedRequestPath, { ok: true }>['path'] } | { ok: false; refusal: Refusal } => {
  const parsed = parseRequestPath(request.url ?? '');
  return parsed.ok ? parsed : { ok: false, refusal: pathRefusals[parsed.reason] };
};
