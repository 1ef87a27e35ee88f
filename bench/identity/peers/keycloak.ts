import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { Pool } from 'undici';
import { z } from 'zod';
import { createBrowser, createSend } from '../../../services/auth/testing/browser.ts';
import { findFreePort } from '../../../services/shared/testing/free-port.ts';
import { cacheDirectory } from '../../../tools/machine/cache.ts';
import { withLock } from '../../../tools/machine/lock.ts';
import { numbers } from '../flow.ts';
import { createTokenClient } from '../token-client.ts';
import { createSignInFlow, createTokenFlows } from '../token-flows.ts';
import { authorize, codeOf } from './authorization.ts';
import { connectTo, type PeerStart, startServer } from './peer.ts';

const version = '26.7.3';
const issuer = 'https://id.shop.example';
const realmPath = '/realms/bench';
/** Of what `kc.sh build` fixes; named in the cache's key. */
const buildOptions = ['--db=postgres', '--cache=local'] as const;
/** As auth's: Argon2id, 19 MiB, two passes. */
const hashSettings = { memory: 19_456, passes: 2 } as const;

/** The distribution, by Maven as it is set up here, built for PostgreSQL once. Rejects where Maven or Java is missing. */
const ensureKeycloak = async (env: NodeJS.ProcessEnv): Promise<string> => {
  const cache = path.join(cacheDirectory(env), 'keycloak');
  const home = path.join(cache, `${version}-${buildOptions.join('').replaceAll(/[^\w=]/g, '')}`);
  const isThere = (): Promise<boolean> =>
    access(home).then(
      () => true,
      () => false,
    );
  await mkdir(cache, { recursive: true });
  await withLock(path.join(cache, 'lock'), async () => {
    if (await isThere()) return;
    process.stdout.write('fetching and building Keycloak, a minute or two\n');
    const partial = `${home}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    const artifact = `org.keycloak:keycloak-quarkus-dist:${version}:zip`;
    const words = ['-q', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${partial}`];
    await execa('mvn', words, { env, cwd: partial });
    const [archive = ''] = (await readdir(partial)).filter((name) => name.endsWith('.zip'));
    await execa('unzip', ['-q', archive], { cwd: partial });
    await execa(path.join(partial, `keycloak-${version}`, 'bin/kc.sh'), ['build', ...buildOptions], { env });
    await rename(path.join(partial, `keycloak-${version}`), home);
    await rm(partial, { recursive: true, force: true });
  });
  return home;
};

const personOf = (number: number) => ({
  username: `person-${number}`,
  password: `analytical engine no. ${number}`,
});

/** Tokens as ours: ES256, refresh tokens that are used once. */
const buildRealm = (secret: string, people: number) => ({
  realm: 'bench',
  enabled: true,
  sslRequired: 'none',
  defaultSignatureAlgorithm: 'ES256',
  revokeRefreshToken: true,
  refreshTokenMaxReuse: 0,
  accessTokenLifespan: 600,
  passwordPolicy: `hashAlgorithm(argon2) and hashIterations(${hashSettings.passes})`,
  clients: [
    {
      clientId: 'shop',
      secret,
      publicClient: false,
      serviceAccountsEnabled: true,
      standardFlowEnabled: true,
      redirectUris: ['https://shop.example/callback'],
      attributes: { 'pkce.code.challenge.method': 'S256' },
      protocolMappers: [
        {
          // It tells nothing of a token to a client that the token is not for.
          name: 'audience',
          protocol: 'openid-connect',
          protocolMapper: 'oidc-audience-mapper',
          config: { 'included.client.audience': 'shop', 'access.token.claim': 'true' },
        },
      ],
    },
  ],
  users: numbers(people).map((number) => {
    const { username, password } = personOf(number);
    return {
      username,
      enabled: true,
      email: `${username}@example.test`,
      emailVerified: true,
      firstName: 'Person',
      lastName: String(number),
      credentials: [{ type: 'password', value: password }],
    };
  }),
});

const importRealm = async (connections: Pool, password: string, realm: unknown): Promise<void> => {
  const form = { grant_type: 'password', client_id: 'admin-cli', username: 'admin', password };
  const answer = await connections.request({
    method: 'POST',
    path: '/realms/master/protocol/openid-connect/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
  const { access_token: token } = z.object({ access_token: z.string() }).parse(await answer.body.json());
  const { statusCode, body } = await connections.request({
    method: 'POST',
    path: '/admin/realms',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(realm),
  });
  const text = await body.text();
  if (statusCode !== 201) throw new Error(`Keycloak took no realm: ${statusCode} ${text.slice(0, 200)}`);
};

/** Keycloak in production mode, one node. */
export const startKeycloak: PeerStart = async ({ callers, createDatabase, env }) => {
  const home = await ensureKeycloak(env);
  const port = await findFreePort();
  const [password, secret] = [randomBytes(24).toString('hex'), randomBytes(32).toString('base64url')];
  const {
    username: databaseUser,
    password: databasePassword,
    host,
    pathname,
  } = new URL(await createDatabase('keycloak'));
  const server = await startServer(
    [
      path.join(home, 'bin/kc.sh'),
      'start',
      '--optimized',
      '--http-enabled=true',
      '--http-host=127.0.0.1',
      `--http-port=${port}`,
      `--hostname=${issuer}`,
      '--proxy-headers=xforwarded',
      `--db-url=jdbc:postgresql://${host}${pathname}`,
      '--db-pool-max-size=20',
      '--log-level=warn',
      `--spi-password-hashing--argon2--memory=${hashSettings.memory}`,
    ],
    {
      env: {
        ...env,
        KC_DB_USERNAME: databaseUser,
        KC_DB_PASSWORD: databasePassword,
        KC_BOOTSTRAP_ADMIN_USERNAME: 'admin',
        KC_BOOTSTRAP_ADMIN_PASSWORD: password,
        JAVA_OPTS_KC_HEAP: '-Xms256m -Xmx1g',
      },
      port,
      path: '/realms/master',
    },
  );
  const connections = connectTo(port, callers);
  const stop = async (): Promise<void> => {
    await connections.close();
    await server.stop();
  };
  try {
    await importRealm(connections, password, buildRealm(secret, callers));
  } catch (error) {
    await stop();
    throw error;
  }
  const endpoints = `${realmPath}/protocol/openid-connect`;
  const client = createTokenClient({
    connections,
    clientId: 'shop',
    secret,
    tokenPath: `${endpoints}/token`,
    introspection: { connections, path: `${endpoints}/token/introspect` },
  });
  const send = createSend(connections, () => [port], 'http');
  const signIn = async (number: number) => {
    const request = await authorize(`${issuer}${endpoints}/auth`, 'shop', 'openid email');
    const browser = createBrowser(issuer, send);
    const callback = await browser.submit(await browser.open(request.url), personOf(number));
    return client.requestTokens({ ...request.exchange, code: codeOf(callback) });
  };
  const flows = [...createTokenFlows({ client, signIn }), createSignInFlow({ signIn })];
  return { flows, cpuSeconds: server.cpuSeconds, memoryMib: server.memoryMib, stop };
};
