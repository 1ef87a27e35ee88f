import { dirname } from 'node:path';
import pg, { type ClientConfig, type PoolClient, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg';
import type { Logger } from 'pino';
import { readDatabaseConnection } from './postgres-connection.ts';
import { DatabaseBusyError, databaseErrorCode, isDatabaseUnavailable } from './postgres-errors.ts';
import type { DatabaseSettings } from './service-settings.ts';
import { watchDirectory } from './watched-directory.ts';

/** One connection, or the pool: whatever can run a statement. */
export interface Queryable {
  /** Runs one statement; give it a `name` so that the server prepares it once a connection. */
  query<Row extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<Row>>;
}

/** The connections of one service to its database. */
export interface PostgresPool extends Queryable {
  /**
   * Runs `work` between BEGIN and COMMIT on one connection; whatever it throws rolls back and is thrown on. When the
   * answer to COMMIT is lost, the outcome is unknown and the error says unavailable.
   * @param keeps asked with the result; a result that it refuses is returned after a ROLLBACK
   */
  transaction<Value>(
    work: (connection: Queryable) => Promise<Value>,
    keeps?: (value: Value) => boolean,
  ): Promise<Value>;
  /** Connections open, idle, and callers waiting for one. */
  usage(): { readonly total: number; readonly idle: number; readonly waiting: number };
  /** Asks the database; the value is an error code (never a message) or undefined when it answers. */
  probe(): Promise<string | undefined>;
  /** Waits for running statements and closes every connection. */
  end(): Promise<void>;
}

/** Limits of a connection, ms. They hold for every statement, so that a stuck one cannot fill the pool. */
export interface PostgresLimits {
  readonly connectMilliseconds: number;
  readonly statementMilliseconds: number;
  readonly lockMilliseconds: number;
  readonly idleInTransactionMilliseconds: number;
}

const defaultLimits: PostgresLimits = {
  connectMilliseconds: 3000,
  statementMilliseconds: 5000,
  lockMilliseconds: 2000,
  idleInTransactionMilliseconds: 10_000,
};
// A queue that is longer than what the connections serve in a few seconds only delays the refusal.
const waitersPerConnection = 20;
const idleMilliseconds = 30_000;
// A new primary behind the same name, or a rebalanced proxy, is found by new connections at the latest after this.
const maxLifetimeSeconds = 1800;

/**
 * Opens the pool; no connection is made before the first statement. A changed URL file (a rotated password, another
 * host) is followed without a restart: running statements finish on the old connections, later ones use new ones.
 * Limits are sent as start parameters: behind PgBouncer name them in its `ignore_startup_parameters`.
 * @throws when the URL file cannot be read or parsed now; later faults of it are logged and the last good one stays
 */
export const createPostgresPool = async (
  settings: DatabaseSettings,
  logger: Logger,
  options: { readonly signal: AbortSignal; readonly limits?: PostgresLimits },
): Promise<PostgresPool> => {
  const limits = options.limits ?? defaultLimits;
  const open = (connection: ClientConfig) => openPool(connection, settings.maxConnections, limits, logger);

  const reread = async () => {
    let next: ClientConfig;
    try {
      next = await readDatabaseConnection(settings);
    } catch (error) {
      logger.error({ code: databaseErrorCode(error) }, 'database URL not readable, the last one stays');
      return;
    }
    if (sameConnection(next, connection)) return;
    connection = next;
    const old = current;
    current = open(next);
    logger.info('database URL changed, new connections use it');
    await old.end().catch((error: unknown) => {
      logger.warn({ code: databaseErrorCode(error) }, 'old database connections did not close in order');
    });
  };
  const directories = new Set([settings.urlFile, ...(settings.caFile ? [settings.caFile] : [])].map(dirname));
  for (const directory of directories) {
    watchDirectory(directory, { onChange: reread, signal: options.signal, logger });
  }

  // After the watch has begun, so that no change falls between.
  let connection = await readDatabaseConnection(settings);
  let current = open(connection);

  const checkQueue = () => {
    if (current.waitingCount >= settings.maxConnections * waitersPerConnection) {
      throw new DatabaseBusyError('too many callers wait for a database connection');
    }
  };

  return {
    query: async (statement) => {
      checkQueue();
      return current.query(statement);
    },
    transaction: async (work, keeps = () => true) => {
      checkQueue();
      return runTransaction(await current.connect(), work, keeps);
    },
    usage: () => ({ total: current.totalCount, idle: current.idleCount, waiting: current.waitingCount }),
    probe: async () => {
      try {
        await current.query({ text: 'SELECT 1' });
        return undefined;
      } catch (error) {
        return databaseErrorCode(error);
      }
    },
    end: () => current.end(),
  };
};

const openPool = (
  connection: ClientConfig,
  maxConnections: number,
  limits: PostgresLimits,
  logger: Logger,
): pg.Pool => {
  const pool = new pg.Pool({
    ...connection,
    max: maxConnections,
    connectionTimeoutMillis: limits.connectMilliseconds,
    idleTimeoutMillis: idleMilliseconds,
    maxLifetimeSeconds,
    statement_timeout: limits.statementMilliseconds,
    lock_timeout: limits.lockMilliseconds,
    idle_in_transaction_session_timeout: limits.idleInTransactionMilliseconds,
    // The server's timeout cannot reach us through a dead network; ours, a little later, can.
    query_timeout: limits.statementMilliseconds + 2000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'identity-operator',
  });
  // Without a listener the loss of an idle connection would end the process.
  pool.on('error', (error) => logger.warn({ code: databaseErrorCode(error) }, 'idle database connection lost'));
  return pool;
};

const runTransaction = async <Value>(
  client: PoolClient,
  work: (connection: Queryable) => Promise<Value>,
  keeps: (value: Value) => boolean,
): Promise<Value> => {
  // A connection that breaks between two statements tells it by an event, that nobody else listens to.
  const ignore = () => undefined;
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const value = await work(client);
    await client.query(keeps(value) ? 'COMMIT' : 'ROLLBACK');
    return value;
  } catch (error) {
    broken = await rollBack(client, error);
    throw error;
  } finally {
    client.off('error', ignore);
    client.release(broken);
  }
};

const rollBack = async (client: PoolClient, cause: unknown): Promise<Error | undefined> => {
  // After a lost connection or our own timeout the state of the connection is unknown: it is thrown away.
  const unusable = isDatabaseUnavailable(cause) && !/^(40001|40P01|55P03|57014)$/.test(databaseErrorCode(cause));
  if (unusable) return cause instanceof Error ? cause : new Error('connection lost');
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error('rollback failed', { cause: error });
  }
};

const sameConnection = (left: ClientConfig, right: ClientConfig): boolean => {
  return JSON.stringify(left) === JSON.stringify(right);
};
