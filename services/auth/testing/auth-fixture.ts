import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Logger, pino } from 'pino';
import { Agent } from 'undici';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { Role } from '../../shared/contracts/spiffe-id.ts';
import { loadWorkloadIdentity } from '../../shared/identity.ts';
import { peerConnectOptions } from '../../shared/mutual-tls.ts';
import { type RunningService, startService } from '../../shared/service-process.ts';
import { eventually } from '../../shared/testing/condition.ts';
import { type SpawnedService, spawnService } from '../../shared/testing/spawned-service.ts';
import { startTokenStoreFixture, type TokenStoreFixture } from '../../token-store/testing/token-store-fixture.ts';
import { buildAuth } from '../service.ts';
import type { AuthSettings } from '../settings.ts';
import { type Browser, createBrowser, createSend, type Send } from './browser.ts';
import { buildTestKeyring, createTestKey, type TestKey, writeTestKeyring } from './signing-keys.ts';

export const issuer = 'https://id.shop.example';
export const shopSecret = randomBytes(32).toString('base64url');
export const oldShopSecret = randomBytes(32).toString('base64url');

/** As a registration has it. */
export const hashSecret = (text: string): string => createHash('sha256').update(text).digest('base64url');

export const shop: ClientRegistration = {
  clientId: 'shop',
  clientName: 'The Shop',
  grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
  redirectUris: ['https://shop.example/callback'],
  postLogoutRedirectUris: ['https://shop.example/bye'],
  scopes: ['openid', 'email', 'profile', 'offline_access', 'orders:read'],
  audiences: ['https://api.shop.example', 'https://stock.shop.example'],
  tokenEndpointAuthMethod: 'client_secret_basic',
  secretHashes: [hashSecret(shopSecret), hashSecret(oldShopSecret)],
};

export const app: ClientRegistration = {
  clientId: 'app',
  grantTypes: ['authorization_code', 'refresh_token'],
  redirectUris: ['https://app.example/callback', 'com.example.app:/callback'],
  postLogoutRedirectUris: [],
  scopes: ['openid', 'email'],
  audiences: [],
  tokenEndpointAuthMethod: 'none',
  secretHashes: [],
};

/** Real auth processes over a real token-store and PostgreSQL. */
export type AuthFixture = {
  store: TokenStoreFixture;
  directory: string;
  keys: TestKey[];
  settings(): AuthSettings;
  start(changes?: Partial<AuthSettings>): Promise<RunningService>;
  /** A process of its own, by `main.ts` or another program, such as a bundle of it. */
  startProcess(program?: string, changes?: Partial<AuthSettings>): Promise<SpawnedService>;
  /** As a caller of this role, to the given processes in turn. */
  send(role: Role, services: () => readonly Pick<RunningService, 'ports'>[]): Send;
  browser(services: () => readonly Pick<RunningService, 'ports'>[]): Browser;
  /** Ends and starts the token-store, at the same port. */
  stopTokenStore(): Promise<void>;
  startTokenStore(): Promise<void>;
  stop(): Promise<void>;
};

export const putClient = async (send: Send, registration: ClientRegistration): Promise<number> => {
  const response = await send(new URL(`/internal/clients/${registration.clientId}`, issuer), {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(registration),
  });
  if (response.status !== 200) throw new Error(`PUT ${response.status} ${await response.text()}`);
  const { revision } = (await response.json()) as { revision: number };
  return revision;
};

export const startAuthFixture = async (logger: Logger = pino({ level: 'silent' })): Promise<AuthFixture> => {
  const store = await startTokenStoreFixture(logger);
  const certificates = dirname(store.settings().identityDirectory);
  const directory = mkdtempSync(join(tmpdir(), 'auth-test-'));
  const ended = new AbortController();
  const running: RunningService[] = [];
  const agents: Agent[] = [];
  const processes: SpawnedService[] = [];
  const folder = (name: string, files: Record<string, string>): string => {
    mkdirSync(join(directory, name), { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, name, file), text, { mode: 0o600 });
    return join(directory, name);
  };

  let tokenStore = await store.start();
  const tokenStorePort = tokenStore.ports['token-store'] ?? 0;
  const keys = [await createTestKey('ES256', 'Active')];
  writeTestKeyring(join(directory, 'signing-keys'), buildTestKeyring(keys), keys);
  folder('cookie-keys', { 'keys.json': JSON.stringify({ keys: [randomBytes(32).toString('base64url')] }) });
  const logLevel = logger.level === 'silent' ? 'error' : logger.level;
  folder('pairwise-salt', { 'keys.json': JSON.stringify({ salt: randomBytes(32).toString('base64url') }) });
  const writeLive = (name: string, level: string): string =>
    folder(name, { 'live.json': JSON.stringify({ logLevel: level, branding: { name: 'Shop Identity' } }) });
  writeLive('live', logLevel);
  folder('database', { url: store.roleUrl('auth') });

  const settings = (): AuthSettings => ({
    tenant: 'customers',
    namespace: 'identity',
    version: '0.0.0-test',
    listenAddress: '127.0.0.1',
    probePort: 0,
    identityDirectory: join(certificates, 'auth'),
    drainMilliseconds: 0,
    liveDirectory: join(directory, 'live'),
    port: 0,
    issuer,
    database: { urlFile: join(directory, 'database', 'url'), maxConnections: 10 },
    tokenStore: { headlessHost: '127.0.0.1', fallbackHost: '127.0.0.1', port: tokenStorePort },
    signingKeysDirectory: join(directory, 'signing-keys'),
    cookieKeysDirectory: join(directory, 'cookie-keys'),
    pairwiseSaltDirectory: join(directory, 'pairwise-salt'),
    tokens: {
      accessTokenSeconds: 600,
      refreshTokenSeconds: 3600,
      refreshTokenAbsoluteSeconds: 7200,
      refreshReplayLeewaySeconds: 10,
      idTokenSeconds: 600,
      authorizationCodeSeconds: 60,
    },
    session: { idleSeconds: 3600, absoluteSeconds: 7200 },
    jwksMaxAgeSeconds: 600,
    registrationEnabled: true,
    passwordMinimumLength: 12,
    auditSeconds: 86_400,
    consent: { policyVersion: '1' },
  });

  const send = (role: Role, services: () => readonly Pick<RunningService, 'ports'>[]): Send => {
    const name = { tenant: 'customers', namespace: 'identity' };
    const identity = loadWorkloadIdentity(join(certificates, role), { ...name, signal: ended.signal, logger });
    const agent = new Agent({ connect: peerConnectOptions(identity, 'auth') });
    agents.push(agent);
    return createSend(agent, () => services().map(({ ports }) => ports['auth'] ?? 0));
  };

  return {
    store,
    directory,
    keys,
    settings,
    send,
    start: async (changes = {}) => {
      const options = await buildAuth({ ...settings(), ...changes }, logger);
      const service = await startService(options);
      running.push(service);
      await eventually(() => options.ready().length === 0);
      return service;
    },
    startProcess: async (program = join(import.meta.dirname, '..', 'main.ts'), changes = {}) => {
      const path = join(directory, `settings-${randomUUID()}.json`);
      // Its log tells the ports.
      const liveDirectory = writeLive('live-process', 'info');
      writeFileSync(path, JSON.stringify({ ...settings(), liveDirectory, ...changes }));
      const service = await spawnService(program, path);
      processes.push(service);
      return service;
    },
    browser: (services) => createBrowser(issuer, send('gateway', services)),
    stopTokenStore: () => tokenStore.stop(),
    startTokenStore: async () => {
      tokenStore = await store.start({ port: tokenStorePort });
    },
    stop: async () => {
      ended.abort();
      await Promise.all(agents.map((agent) => agent.close()));
      await Promise.all(processes.map((service) => service.stop()));
      await Promise.all(running.map((service) => service.stop()));
      await store.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};
