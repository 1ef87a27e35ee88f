import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import type { Pool } from 'undici';
import { z } from 'zod';
import { createBrowser, createSend, type Page } from '../../../services/auth/testing/browser.ts';
import { findFreePort } from '../../../services/shared/testing/free-port.ts';
import { ensureGo } from '../../../tools/machine/go.ts';
import { ensureGoProgram } from '../../../tools/machine/go-program.ts';
import { createTokenClient } from '../token-client.ts';
import { createTokenFlows } from '../token-flows.ts';
import { authorize, codeOf } from './authorization.ts';
import { connectTo, type PeerStart, startServer } from './peer.ts';

const issuer = 'https://id.shop.example';
const pages = 'https://pages.shop.example';
const redirectSchema = z.object({ redirect_to: z.string() });
const clientSchema = z.object({ client_id: z.string() });

/** The program, compiled out of its Go module, or found in the cache; its dependencies' own replacement is in our go.mod. */
const ensureHydra = (env: NodeJS.ProcessEnv): Promise<string> =>
  ensureGoProgram(
    { name: 'hydra', directory: path.join(import.meta.dirname, 'hydra'), package: 'github.com/ory/hydra/v2' },
    () => ensureGo(env),
    env,
    () => process.stdout.write('building Hydra, some minutes\n'),
  );

/** Opaque tokens, as it is by default; a client secret costs next to nothing, as ours does. */
const buildConfiguration = (database: string, ports: { public: number; admin: number }) => ({
  dsn: `${database}${database.includes('?') ? '&' : '?'}max_conns=20`,
  log: { level: 'error' },
  serve: {
    public: { port: ports.public, host: '127.0.0.1', request_log: { disable_for_health: true } },
    admin: { port: ports.admin, host: '127.0.0.1', request_log: { disable_for_health: true } },
  },
  urls: { self: { issuer }, login: `${pages}/login`, consent: `${pages}/consent` },
  secrets: { system: [randomBytes(32).toString('hex')] },
  oauth2: { hashers: { algorithm: 'pbkdf2', pbkdf2: { iterations: 1 } } },
  ttl: { access_token: '10m', refresh_token: '2h' },
  sqa: { opt_out: true },
});

const call = async (to: Pool, method: 'POST' | 'PUT', address: string, body: unknown): Promise<unknown> => {
  const headers = { 'content-type': 'application/json' };
  const response = await to.request({ method, path: address, headers, body: JSON.stringify(body) });
  const text = await response.body.text();
  if (response.statusCode >= 300) throw new Error(`${address} answered ${response.statusCode} ${text.slice(0, 200)}`);
  return JSON.parse(text);
};

/** Ory Hydra. It has no accounts and no pages: who signs in is told by its admin API, so there is no sign-in to measure. */
export const startHydra: PeerStart = async ({ callers, createDatabase, env }) => {
  const program = await ensureHydra(env);
  const ports = { public: await findFreePort(), admin: await findFreePort() };
  const directory = await mkdtemp(path.join(tmpdir(), 'bench-hydra-'));
  const configuration = path.join(directory, 'hydra.json');
  await writeFile(configuration, JSON.stringify(buildConfiguration(await createDatabase('hydra'), ports)));
  await execa(program, ['migrate', 'sql', 'up', '-e', '--yes', '--config', configuration], { env });
  const server = await startServer([program, 'serve', 'all', '--dev', '--config', configuration], {
    env,
    port: ports.public,
    path: '/.well-known/openid-configuration',
  });
  const connections = connectTo(ports.public, callers);
  const admin = connectTo(ports.admin, callers);
  const secret = randomBytes(32).toString('base64url');
  const registered = clientSchema.parse(
    await call(admin, 'POST', '/admin/clients', {
      client_secret: secret,
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      response_types: ['code'],
      redirect_uris: ['https://shop.example/callback'],
      scope: 'openid offline_access email',
      token_endpoint_auth_method: 'client_secret_basic',
    }),
  );
  const client = createTokenClient({
    connections,
    clientId: registered.client_id,
    secret,
    tokenPath: '/oauth2/token',
    introspection: { connections: admin, path: '/admin/oauth2/introspect' },
  });
  const send = createSend(connections, () => [ports.public], 'http');
  const accept = async (kind: 'login' | 'consent', { url }: Page, body: Record<string, unknown>): Promise<string> => {
    const challenge = url.searchParams.get(`${kind}_challenge`) ?? '';
    const address = `/admin/oauth2/auth/requests/${kind}/accept?${kind}_challenge=${encodeURIComponent(challenge)}`;
    return redirectSchema.parse(await call(admin, 'PUT', address, body)).redirect_to;
  };
  const signIn = async (subject: string) => {
    const scope = 'openid offline_access email';
    const request = await authorize(`${issuer}/oauth2/auth`, registered.client_id, scope);
    const browser = createBrowser(issuer, send);
    const signedIn = await accept('login', await browser.open(request.url), { subject });
    const agreed = await accept('consent', await browser.open(signedIn), { grant_scope: scope.split(' ') });
    return client.requestTokens({ ...request.exchange, code: codeOf(await browser.open(agreed)) });
  };
  const flows = createTokenFlows({ client, signIn: (number) => signIn(`person-${number}`) });
  return {
    flows,
    cpuSeconds: server.cpuSeconds,
    memoryMib: server.memoryMib,
    stop: async () => {
      await connections.close();
      await admin.close();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
