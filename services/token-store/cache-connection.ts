import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as timerDelay } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type CacheAddress, parseCacheUrl } from '../shared/contracts/cache-url.ts';
import { readTrustedCertificates } from '../shared/trusted-certificates.ts';
import { watchDirectory } from '../shared/watched-directory.ts';
import type { CacheSettings } from './settings.ts';

/**
 * What is kept in the cache for a while. None of these throws or takes long: a cache that is away or slow is left alone for
 * a moment, and whoever asks does without it.
 */
export interface CacheCopies {
  get(key: string): Promise<Buffer | undefined | 'unavailable'>;
  set(key: string, value: Buffer, milliseconds: number): Promise<void>;
  delete(key: string): Promise<void>;
}

/** The connection to the cache, which may be away at any time: nothing that is right depends on it. */
export interface CacheConnection extends CacheCopies {
  /** Asks the cache; the value is an error code (never a message) or undefined when it answers. */
  probe(): Promise<string | undefined>;
  end(): void;
}

const connectMilliseconds = 2_000;
const commandMilliseconds = 1_000;
const longestPauseMilliseconds = 5_000;
/** Longer than a cache in the same place ever takes, and short beside a request. */
const copyMilliseconds = 50;
/** After a call that failed or took too long nobody asks for so long: each would wait as long. */
const leaveAloneMilliseconds = 1_000;

/** Soon at first, then every few seconds for as long as it takes. */
const pauseBefore = (attempt: number): number => Math.min(attempt * 200, longestPauseMilliseconds);

const connect = (address: CacheAddress, ca: string[] | undefined): Redis | Cluster => {
  const { mode, hosts, username, password, database } = address;
  const tls: ConnectionOptions | undefined = address.tls ? (ca === undefined ? {} : { ca }) : undefined;
  const shared = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    connectTimeout: connectMilliseconds,
    commandTimeout: commandMilliseconds,
    connectionName: 'identity-operator',
  };
  // Whoever asks while there is no connection does without the cache, at once.
  const impatient = { enableOfflineQueue: false, maxRetriesPerRequest: 0 };
  switch (mode) {
    case 'single':
      return new Redis({ ...shared, ...impatient, ...hosts[0], db: database, retryStrategy: pauseBefore });
    case 'sentinel':
      return new Redis({
        ...shared,
        ...impatient,
        sentinels: [...hosts],
        name: address.masterName ?? '',
        db: database,
        retryStrategy: pauseBefore,
        sentinelRetryStrategy: pauseBefore,
        ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
      });
    case 'cluster':
      return new Cluster([...hosts], {
        // Connections to its nodes are made when they are needed: a command has to wait for that.
        redisOptions: shared,
        clusterRetryStrategy: pauseBefore,
        enableOfflineQueue: false,
        // Nodes are addressed by what the Cluster says; the names in certificates are those.
        dnsLookup: (host, callback) => callback(null, host),
      });
  }
};

const replyCode = /^(NOAUTH|WRONGPASS|NOPERM|READONLY|MASTERDOWN|LOADING|CLUSTERDOWN|NOREPLICAS|MISCONF|OOM|ERR)\b/;

/** Codes of the network and of TLS, and the first word of what Redis answers. */
const cacheErrorCode = (error: unknown): string => {
  if (!(error instanceof Error)) return 'UNKNOWN';
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code;
  if (/timed? ?out/i.test(error.message)) return 'TIMEOUT';
  if (/sentinels are unreachable/i.test(error.message)) return 'SENTINELS_UNREACHABLE';
  if (/slots cache/i.test(error.message)) return 'NODES_UNREACHABLE';
  return replyCode.exec(error.message)?.[1] ?? 'CONNECTION_LOST';
};

type Connection = { readonly client: Redis | Cluster; readonly key: string; lastError: string | undefined };

const open = (address: CacheAddress, ca: string[] | undefined, logger: Logger): Connection => {
  const client = connect(address, ca);
  const connection: Connection = { client, key: JSON.stringify([address, ca]), lastError: undefined };
  client.on('ready', () => {
    connection.lastError = undefined;
  });
  // Without a listener ioredis writes to the console.
  client.on('error', (error: unknown) => {
    const code = cacheErrorCode(error);
    if (code !== connection.lastError) logger.warn({ code }, 'cache not reached');
    connection.lastError = code;
  });
  return connection;
};

/**
 * Connects to the cache, and goes on trying for as long as it is away. A changed URL or CA is followed without a restart;
 * one that cannot be read or parsed is logged by its code, and until it can the cache counts as away.
 */
export const openCacheConnection = async (
  settings: CacheSettings,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): Promise<CacheConnection> => {
  let connection: Connection | undefined;
  let fault: string | undefined;

  const use = (next: Connection | undefined): void => {
    connection?.client.disconnect();
    connection = next;
  };
  const reread = async (): Promise<void> => {
    try {
      const address = parseCacheUrl(await readFile(settings.urlFile, 'utf8'));
      const ca = await readTrustedCertificates(settings);
      if (signal.aborted) return;
      fault = address === undefined ? 'INVALID_CACHE_URL' : undefined;
      if (address === undefined) use(undefined);
      else if (JSON.stringify([address, ca]) !== connection?.key) use(open(address, ca, logger));
    } catch (error) {
      fault = cacheErrorCode(error);
    }
    if (fault !== undefined) logger.warn({ code: fault }, 'cache URL not usable');
  };
  const folders = [dirname(settings.urlFile), settings.trustDirectory].filter((folder) => folder !== undefined);
  for (const folder of new Set(folders)) watchDirectory(folder, { onChange: reread, signal, logger });
  // After the watch has begun, so that no change falls between.
  await reread();

  let leftAloneUntil = 0;
  const attempt = async <Value>(ask: (client: Redis | Cluster) => Promise<Value>): Promise<Value | 'unavailable'> => {
    if (connection === undefined || Date.now() < leftAloneUntil) return 'unavailable';
    const patience = new AbortController();
    try {
      const tooLong = timerDelay(copyMilliseconds, 'unavailable' as const, { signal: patience.signal, ref: false });
      // Whoever comes second has nobody to tell.
      tooLong.catch(() => undefined);
      const answered = ask(connection.client);
      answered.catch(() => undefined);
      const answer = await Promise.race([answered, tooLong]);
      if (answer === 'unavailable') leftAloneUntil = Date.now() + leaveAloneMilliseconds;
      return answer;
    } catch {
      leftAloneUntil = Date.now() + leaveAloneMilliseconds;
      return 'unavailable';
    } finally {
      patience.abort();
    }
  };

  return {
    get: async (key) => (await attempt((client) => client.getBuffer(key))) ?? undefined,
    set: async (key, value, milliseconds) => {
      await attempt((client) => client.set(key, value, 'PX', milliseconds));
    },
    delete: async (key) => {
      await attempt((client) => client.del(key));
    },
    probe: async () => {
      if (connection === undefined) return fault ?? 'UNKNOWN';
      try {
        await connection.client.ping();
        return undefined;
      } catch (error) {
        return connection.lastError ?? cacheErrorCode(error);
      }
    },
    end: () => use(undefined),
  };
};
