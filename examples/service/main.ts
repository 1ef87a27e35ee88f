// One program that is service A, B or C by its environment: it verifies the user's token itself, then asks the next
// service with the same token. Nothing of the operator is in here: a service needs the issuer's address and a JWT library.
import { lookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { rootCertificates } from 'node:tls';
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { Agent, fetch } from 'undici';
import { z } from 'zod';

const settings = z
  .object({
    NAME: z.string().min(1),
    PORT: z.coerce.number().int().min(0).max(65_535),
    LISTEN_ADDRESS: z.string().default('0.0.0.0'),
    ISSUER: z.url(),
    AUDIENCE: z.string().min(1),
    /** Where the keys are; found by discovery when absent. */
    JWKS_URI: z.url().optional(),
    /** Host to connect to in place of the issuer's, as with `curl --connect-to`: the gateway's Service in the cluster. */
    ISSUER_CONNECT_TO: z.string().optional(),
    CA_FILE: z.string().optional(),
    NEXT_URL: z.url().optional(),
    DRAIN_MILLISECONDS: z.coerce.number().int().min(0).default(10_000),
  })
  .parse(process.env);

const issuerHost = new URL(settings.ISSUER).hostname;
const dispatcher = new Agent({
  // Below the drain of the services that are called, so that no request meets a connection that closes.
  keepAliveTimeout: 4_000,
  keepAliveMaxTimeout: 4_000,
  connect: {
    ...(settings.CA_FILE ? { ca: [...rootCertificates, readFileSync(settings.CA_FILE, 'utf8')] } : {}),
    lookup: (host, options, callback) =>
      lookup(host === issuerHost ? (settings.ISSUER_CONNECT_TO ?? host) : host, options, callback),
  },
});
const get = (url: string, headers: Record<string, string>) =>
  fetch(url, { headers, dispatcher, redirect: 'error', signal: AbortSignal.timeout(5_000) });

const discoverySchema = z.object({ issuer: z.literal(settings.ISSUER), jwks_uri: z.url() });

const discoverJwksUri = async (): Promise<string> => {
  const answer = await get(`${settings.ISSUER}/.well-known/openid-configuration`, { accept: 'application/json' });
  return discoverySchema.parse(await answer.json()).jwks_uri;
};

// jose keeps the keys for ten minutes and asks again for a `kid` that it does not know: that is all a rotation needs.
let keys: JWTVerifyGetKey | undefined;
const issuerKeys = async (): Promise<JWTVerifyGetKey> => {
  keys ??= createRemoteJWKSet(new URL(settings.JWKS_URI ?? (await discoverJwksUri())), {
    // `as`: undici's fetch and the global one differ in their types only.
    [customFetch]: (url, options) => fetch(url, { ...(options as object), dispatcher }) as unknown as Promise<Response>,
  });
  return keys;
};

const verify = async (authorization: string | undefined) => {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw new errors.JWTInvalid('no bearer token');
  }
  const { payload } = await jwtVerify(token, await issuerKeys(), {
    issuer: settings.ISSUER,
    audience: settings.AUDIENCE,
    typ: 'at+jwt',
    algorithms: ['ES256', 'EdDSA', 'RS256', 'PS256'],
    requiredClaims: ['exp', 'sub'],
    clockTolerance: 5,
  });
  return payload;
};

const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers });
  response.end(`${JSON.stringify(body)}\n`);
};

/** The next service's answer, or why there is none. A GET may be asked twice. */
const askNext = async (
  url: string,
  authorization: string,
  triesLeft = 1,
): Promise<{ status: number; body: unknown }> => {
  try {
    const answer = await get(url, { authorization });
    return { status: answer.status, body: await answer.json() };
  } catch (error) {
    if (triesLeft > 0) {
      return askNext(url, authorization, triesLeft - 1);
    }
    // Addresses are for the log, not for whoever asked.
    console.log(JSON.stringify({ service: settings.NAME, level: 'warn', next: url, reason: String(error) }));
    return { status: 502, body: { error: 'next_service_unavailable' } };
  }
};

const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const { authorization = '' } = request.headers;
  try {
    const { sub, scope } = await verify(authorization);
    const next = settings.NEXT_URL ? await askNext(settings.NEXT_URL, authorization) : undefined;
    const identityHeaders = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => name.startsWith('x-identity-')),
    );
    const body = { service: settings.NAME, path: request.url, subject: sub, scope, identityHeaders, next: next?.body };
    send(response, next && next.status !== 200 ? 502 : 200, body);
  } catch (error) {
    // A token that is not good is the caller's matter; keys that cannot be had are not.
    const refused =
      error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout || error.code === 'ERR_JOSE_GENERIC');
    console.log(JSON.stringify({ service: settings.NAME, level: 'warn', refused, reason: String(error) }));
    if (refused) {
      const body = { service: settings.NAME, error: 'invalid_token', reason: error.message };
      send(response, 401, body, { 'WWW-Authenticate': 'Bearer error="invalid_token"' });
    } else {
      send(response, 503, { service: settings.NAME, error: 'keys_unavailable' }, { 'Retry-After': '1' });
    }
  }
};

let draining = false;
const server = createServer((request, response) => {
  if (draining) {
    response.setHeader('Connection', 'close');
  }
  if (request.url === '/livez' || request.url === '/readyz') {
    const ready = request.url === '/livez' || !draining;
    send(response, ready ? 200 : 503, { ready });
    return;
  }
  answer(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 65_000;
server.listen(settings.PORT, settings.LISTEN_ADDRESS, () => {
  console.log(JSON.stringify({ service: settings.NAME, level: 'info', listening: server.address() }));
});
const stop = () => {
  draining = true;
  // Endpoints are removed while requests still arrive: accept them, ask each client to go elsewhere, and end.
  setTimeout(() => server.close(() => process.exit(0)), settings.DRAIN_MILLISECONDS);
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
