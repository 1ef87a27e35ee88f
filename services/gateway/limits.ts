import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from './refusal.ts';
import { type ParsedRequestPath, parseRequestPath } from './request-path.ts';

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

const pathRefusals: Record<Extract<ParsedRequestPath, { ok: false }>['reason'], Refusal> = {
  too_long: refuse(414, 'uri-too-long', 'The address is too long'),
  not_a_path: refuse(400, 'malformed-path', 'The address is not a path'),
  malformed: refuse(400, 'malformed-path', 'The path is malformed'),
  ambiguous: refuse(400, 'ambiguous-path', 'The path can be read in more than one way'),
};

/** What no destination takes, whoever asks. */
export const checkLimits = (request: IncomingMessage): Refusal | undefined => {
  if (!knownMethods.has(request.method ?? '')) {
    return refuse(405, 'method-not-allowed', 'This method is not supported', undefined, {
      Allow: [...knownMethods].join(', '),
    });
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
