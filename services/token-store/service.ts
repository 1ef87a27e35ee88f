import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { InternalState } from '../shared/contracts/internal-state.ts';
import { observeDatabase } from '../shared/database-state.ts';
import { loadWorkloadIdentity } from '../shared/identity.ts';
import { createMetrics } from '../shared/metrics.ts';
import { createMutualTlsServer } from '../shared/mutual-tls.ts';
import { databaseErrorCode } from '../shared/postgres-errors.ts';
import { runPostgresListener } from '../shared/postgres-listener.ts';
import { createPostgresPool, type PostgresPool } from '../shared/postgres-pool.ts';
import type { ServiceOptions } from '../shared/service-process.ts';
import { watchSettings } from '../shared/watched-directory.ts';
import { createTokenStoreApp } from './app.ts';
import { type CacheConnection, openCacheConnection } from './cache-connection.ts';
import { type CleaningOptions, runCleaning } from './cleaning.ts';
import { loadDataEncryptionKeys } from './data-encryption-keys.ts';
import { createPendingDevices, withoutCache } from './pending-devices.ts';
import { revocationChannel } from './queries/revocation-changes.ts';
import { nextRevocationTimes } from './revocation.ts';
import { createRevocationAnnouncer } from './revocation-announcer.ts';
import { createRevocationFeed } from './revocation-feed.ts';
import { createRevocationStream } from './revocation-stream.ts';
import { type TokenStoreSettings, tokenStoreLiveSettingsSchema } from './settings.ts';
import { createStoreMetrics } from './store-metrics.ts';
import { ensureTokenPartitions } from './token-partitions.ts';

const name = 'token-store';
const startRetryMilliseconds = 500;

/**
 * Composes a token-store: what `runService` or `startService` needs to run it. Background work ends at its shutdown.
 * @throws SettingsError, or a file's error, when something that it was told to read cannot be used
 */
export const buildTokenStore = async (settings: TokenStoreSettings, logger: Logger): Promise<ServiceOptions> => {
  const shutdown = new AbortController();
  const { signal } = shutdown;
  const background = { signal, logger };
  let live = watchSettings(settings.liveDirectory, tokenStoreLiveSettingsSchema, {
    ...background,
    onChange: (changed) => {
      live = changed;
      logger.level = changed.logLevel;
      revocationTimes = nextRevocationTimes(revocationTimes, changed);
    },
  });
  logger.level = live.logLevel;
  let revocationTimes = nextRevocationTimes(undefined, live);
  const identity = loadWorkloadIdentity(settings.identityDirectory, {
    tenant: settings.tenant,
    namespace: settings.namespace,
    ...background,
  });
  const keyring = loadDataEncryptionKeys(settings.dataEncryptionKeysDirectory, background);
  const pool = await createPostgresPool(settings.database, logger, { signal, schema: 'token_store' });
  const metrics = createMetrics(name);
  const storeMetrics = createStoreMetrics(metrics.registry, pool);

  const cache = settings.cache === undefined ? undefined : await openCacheConnection(settings.cache, background);

  const prefix = `${settings.namespace}/${settings.tenant}`;
  const devices =
    cache === undefined
      ? withoutCache
      : createPendingDevices(cache, { prefix, keyring, onRead: storeMetrics.countCacheRead });

  let notReached: string | undefined = 'not asked yet';
  const ready = () => (notReached === undefined ? [] : [`database not reached yet: ${notReached}`]);
  const state = async (): Promise<InternalState> => ({
    service: name,
    version: settings.version,
    ready: ready().length === 0,
    database: await observeDatabase(pool, 'token_store'),
    ...(cache === undefined ? {} : { cache: await observeCache(cache) }),
  });
  const times = () => revocationTimes;
  const draining = new AbortController();
  const feed = createRevocationFeed({ pool, ...background });
  storeMetrics.observeRevocations(feed.size);
  const app = createTokenStoreApp({
    announceRevocations: createRevocationAnnouncer(pool, logger),
    revocationStream: createRevocationStream(feed, draining.signal),
    pool,
    devices,
    keyring,
    times,
    state,
    metrics,
    storeMetrics,
    logger,
  });

  // Once is enough: a database lost later degrades answers, and must not take every pod out of its Service at once.
  const firstContact = waitForDatabase({ pool, signal, lifetimes: () => live.lifetimes }, (code) => {
    notReached = code;
    if (code !== undefined) logger.warn({ code }, 'waiting for the database');
  });
  const cleaning = firstContact.then(() =>
    runCleaning({ pool, ...background, lifetimes: () => live.lifetimes, onCleaned: storeMetrics.countCleaned }),
  );
  const listening = runPostgresListener(settings.database, {
    channel: revocationChannel,
    onNotification: feed.hint,
    ...background,
  });
  const ended = Promise.all([cleaning, feed.run(), listening]).catch((error: unknown) => {
    if (!signal.aborted) logger.error({ err: error }, 'background work ended');
  });

  return {
    name,
    settings,
    logger,
    servers: [{ name, server: createMutualTlsServer(identity, app), port: settings.port }],
    ready,
    metrics: metrics.registry,
    onDrain: () => draining.abort(),
    onShutdown: async () => {
      shutdown.abort();
      await ended;
      cache?.end();
      await pool.end();
    },
  };
};

/**
 * Until the database answers and has a place for every token that may be issued.
 * @param onProbe told each time why not; undefined at the end.
 */
const waitForDatabase = async (
  { pool, signal, lifetimes }: { pool: PostgresPool; signal: AbortSignal; lifetimes: CleaningOptions['lifetimes'] },
  onProbe: (code: string | undefined) => void,
): Promise<void> => {
  for (;;) {
    const code = await ensureTokenPartitions(pool, lifetimes()).then(() => undefined, databaseErrorCode);
    onProbe(code);
    if (code === undefined) return;
    await delay(startRetryMilliseconds, undefined, { signal });
  }
};

const observeCache = async (cache: CacheConnection): Promise<NonNullable<InternalState['cache']>> => {
  const error = await cache.probe();
  return error === undefined ? { reachable: true } : { reachable: false, error };
};
