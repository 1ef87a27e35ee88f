import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { runMigration } from '../../migrate/migration-run.ts';
import type { Role } from '../../shared/contracts/spiffe-id.ts';
import { loadWorkloadIdentity } from '../../shared/identity.ts';
import { peerConnectOptions } from '../../shared/mutual-tls.ts';
import { createPeerPool, type PeerPool } from '../../shared/peer-pool.ts';
import { type RunningService, startService } from '../../shared/service-process.ts';
import { createCertificateAuthority, writeTlsMaterial } from '../../shared/testing/certificate-authority.ts';
import { startPostgres, type TestPostgres } from '../../shared/testing/postgres.ts';
import { createTokenStoreClient, type TokenStoreClient } from '../client/token-store-client.ts';
import { buildTokenStore } from '../service.ts';
import type { TokenStoreSettings } from '../settings.ts';

/** Real token-stores over one real, migrated PostgreSQL, and clients with real certificates. */
export interface TokenStoreFixture {
  readonly postgres: TestPostgres;
  /** URL of the tenant's database for its owner. */
  readonly databaseUrl: string;
  /** URL of the tenant's database for the role of a service. */
  roleUrl(role: 'auth' | 'token-store'): string;
  /** Settings of a token-store that listens on free ports of this address. */
  settings(listenAddress?: string): TokenStoreSettings;
  /** Replaces `keys.json`: the newest of this many keys seals; those before stay. */
  writeDataEncryptionKeys(count: number): void;
  /** Writes a file into the fixture's folder; returns its path. */
  writeFile(path: string, content: string): string;
  start(options?: {
    listenAddress?: string;
    port?: number;
    cache?: NonNullable<TokenStoreSettings['cache']>;
  }): Promise<RunningService>;
  /** Speaks as a role to the token-stores at these addresses. */
  peerPool(role: Role, port: number, addresses?: string[]): PeerPool;
  client(port: number, addresses?: string[]): TokenStoreClient;
  stop(): Promise<void>;
}

const name = { tenant: 'customers', namespace: 'identity' };
const databaseRoles = { auth: 'customers_auth', 'token-store': 'customers_token_store' };

/** `live.json` of a token-store under test. */
export const testLiveSettings = (logLevel: string) => ({
  logLevel,
  lifetimes: { accessTokenSeconds: 600, refreshTokenSeconds: 7200 },
  clockSkewSeconds: 30,
});

/** Starts PostgreSQL and migrates it; `start` then starts token-stores. */
export const startTokenStoreFixture = async (
  logger: Logger = pino({ level: 'silent' }),
): Promise<TokenStoreFixture> => {
  const directory = mkdtempSync(join(tmpdir(), 'token-store-test-'));
  const file = (path: string, content: string): string => {
    writeFileSync(join(directory, path), content, { mode: 0o600 });
    return join(directory, path);
  };
  const folder = (path: string): string => {
    mkdirSync(join(directory, path));
    return join(directory, path);
  };
  const running: RunningService[] = [];
  const pools: PeerPool[] = [];
  const ended = new AbortController();

  const postgres = await startPostgres();
  const databaseUrl = await postgres.createDatabase('customers');
  const roleUrl = (role: 'auth' | 'token-store') => {
    const url = new URL(databaseUrl);
    url.username = databaseRoles[role];
    url.password = `${role}-password`;
    return url.href;
  };
  const report = await runMigration(
    {
      ...name,
      database: { urlFile: file('owner-url', databaseUrl) },
      roles: {
        auth: { name: databaseRoles.auth, passwordFile: file('auth-password', 'auth-password') },
        tokenStore: {
          name: databaseRoles['token-store'],
          passwordFile: file('store-password', 'token-store-password'),
        },
      },
    },
    { logger },
  );
  if (report.outcome !== 'migrated') throw new Error(`not migrated: ${report.reason} ${report.code}`);

  const authority = await createCertificateAuthority();
  for (const role of ['token-store', 'auth', 'gateway', 'operator'] as const) {
    writeTlsMaterial(join(directory, role), await authority.issueWorkload({ ...name, role }));
  }
  const liveDirectory = folder('live');
  file('live/live.json', JSON.stringify(testLiveSettings(logger.level === 'silent' ? 'error' : logger.level)));
  const keysDirectory = folder('keys');
  const keys: { id: string; key: string }[] = [];
  const writeDataEncryptionKeys = (count: number) => {
    while (keys.length < count) keys.push({ id: `k${keys.length + 1}`, key: randomBytes(32).toString('base64') });
    file('keys/keys.json', JSON.stringify({ keys }));
  };
  writeDataEncryptionKeys(1);
  folder('database');
  const urlFile = file('database/url', roleUrl('token-store'));

  const settings = (listenAddress = '127.0.0.1'): TokenStoreSettings => ({
    ...name,
    version: '0.0.0-test',
    listenAddress,
    probePort: 0,
    identityDirectory: join(directory, 'token-store'),
    drainMilliseconds: 0,
    liveDirectory,
    port: 0,
    database: { urlFile, maxConnections: 10 },
    dataEncryptionKeysDirectory: keysDirectory,
  });
  const peerPool = (role: Role, port: number, addresses = ['127.0.0.1']) => {
    const identity = loadWorkloadIdentity(join(directory, role), { ...name, signal: ended.signal, logger });
    const pool = createPeerPool({
      peer: { headlessHost: 'token-store', fallbackHost: addresses[0] ?? '127.0.0.1', port },
      connect: peerConnectOptions(identity, 'token-store'),
      logger,
      resolve: async () => addresses,
    });
    pools.push(pool);
    return pool;
  };
  return {
    postgres,
    databaseUrl,
    roleUrl,
    settings,
    writeDataEncryptionKeys,
    writeFile: file,
    start: async ({ listenAddress, port = 0, cache } = {}) => {
      const service = await startService(await buildTokenStore({ ...settings(listenAddress), port, cache }, logger));
      running.push(service);
      return service;
    },
    peerPool,
    client: (port, addresses) => createTokenStoreClient({ pool: peerPool('auth', port, addresses) }),
    stop: async () => {
      ended.abort();
      await Promise.all(pools.map((pool) => pool.close()));
      await Promise.all(running.map((service) => service.stop()));
      await postgres.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};
