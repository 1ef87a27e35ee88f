import { dirname } from 'node:path';
import { Writable } from 'node:stream';
import pg, {
  type ClientBase,
  type ClientConfig,
  type PoolClient,
  type PoolConfig,
  type QueryConfig,
  type QueryResult,
  type QueryResultRow,
} from 'pg';
import type { Logger } from 'pino';
import { z } from 'zod';
import { type DatabaseConnection, readDatabaseConnection } from './postgres-connection.ts';
import {
  DatabaseBusyError,
  DatabaseChangedError,
  databaseErrorCode,
  isDatabaseUnavailable,
} from './postgres-errors.ts';
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
  /**
   * Runs statements in one transaction and one round trip: BEGIN, all of them and COMMIT are sent at once, so none can
   * depend on what another one answers. When one fails, those behind it do nothing, and its error is thrown. Should BEGIN
   * itself fail, each statement stands alone: one that needs another's locks has to check that they are held.
   */
  batch(statements: readonly QueryConfig[]): Promise<QueryResult[]>;
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
 * Each of our statements looks up a few rows by a key, and has one good plan. PostgreSQL would plan those with arrays anew
 * at each execution, because it takes arrays whose length it does not know for long ones; planning costs more than running
 * them. A plan that was made while tables were nearly empty must be the right one when they are not: hence no scans.
 */
const planning = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'enable_material=off',
  'jit=off',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** What a pool is opened with besides its settings. */
export interface PostgresPoolOptions {
  readonly signal: AbortSignal;
  /** The service's own schema, where migrate says which database this is. */
  readonly schema: 'auth' | 'token_store';
  readonly limits?: PostgresLimits;
}

/**
 * Opens the pool; no connection is made before the first statement. A changed URL file (a rotated password, another
 * host) is followed without a restart: running statements finish on the old connections, later ones use new ones.
 * A connection to another database than the URL names by its id is closed before anybody gets it.
 * Limits and `options` are sent as start parameters: behind PgBouncer name them in its `ignore_startup_parameters`.
 * @throws when the URL file cannot be read or parsed now; later faults of it are logged and the last good one stays
 */
export const createPostgresPool = async (
  settings: DatabaseSettings,
  logger: Logger,
  options: PostgresPoolOptions,
): Promise<PostgresPool> => {
  const { limits = defaultLimits, schema } = options;
  const open = ({ client, databaseId }: DatabaseConnection) => {
    const onConnect = databaseId === undefined ? undefined : checkDatabase(schema, databaseId);
    return openPool(client, { max: settings.maxConnections, ...(onConnect && { onConnect }) }, limits, logger);
  };

  const reread = async () => {
    let next: DatabaseConnection;
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
  const { urlFile, caFile, trustDirectory } = settings;
  const files = [urlFile, ...(caFile === undefined ? [] : [caFile])];
  const watched = [...files.map(dirname), ...(trustDirectory === undefined ? [] : [trustDirectory])];
  for (const directory of new Set(watched)) {
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
    batch: async (statements) => {
      checkQueue();
      return runBatch(await current.connect(), statements);
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

// What says that nothing of ours is there: no table, no column, no schema, or one that is kept from this role.
const strangeDatabase = new Set(['42P01', '42703', '3F000', '42501']);

const checkDatabase =
  (schema: PostgresPoolOptions['schema'], databaseId: string) =>
  async (client: ClientBase): Promise<void> => {
    const found = await client
      .query<{ id: string | null }>(`SELECT database_id AS id FROM ${schema}.schema_version`)
      .then(({ rows }) => rows[0]?.id)
      .catch((error: unknown) => {
        if (strangeDatabase.has(databaseErrorCode(error))) return undefined;
        throw error;
      });
    if (found !== databaseId) throw new DatabaseChangedError('the connection leads to another database');
  };

const openPool = (
  connection: ClientConfig,
  options: Pick<PoolConfig, 'max' | 'onConnect'>,
  limits: PostgresLimits,
  logger: Logger,
): pg.Pool => {
  const pool = new pg.Pool({
    ...connection,
    ...options,
    connectionTimeoutMillis: limits.connectMilliseconds,
    idleTimeoutMillis: idleMilliseconds,
    maxLifetimeSeconds,
    statement_timeout: limits.statementMilliseconds,
    lock_timeout: limits.lockMilliseconds,
    idle_in_transaction_session_timeout: limits.idleInTransactionMilliseconds,
    // The server's timeout cannot reach us through a dead network; ours, a little later, can.
    query_timeout: limits.statementMilliseconds + 2000,
    options: planning,
    // Statements that are given at once are sent at once; PostgreSQL still runs one after the other.
    pipeline: true,
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

const heldSchema = z.object({ stream: z.instanceof(Writable) });

/**
 * Keeps what is written to a connection until the returned function is called: one packet instead of one a statement, each
 * of which would wake the server up. pg's types leave its socket out; without it, all is sent as it is written.
 */
const holdWrites = (client: PoolClient): (() => void) => {
  const { data } = heldSchema.safeParse(Reflect.get(client, 'connection'));
  data?.stream.cork();
  return () => data?.stream.uncork();
};

/** @returns the answers to BEGIN, the statements and COMMIT. */
const sendTransaction = (client: PoolClient, statements: readonly QueryConfig[]): Promise<QueryResult>[] => {
  const release = holdWrites(client);
  try {
    return [{ text: 'BEGIN' }, ...statements, { text: 'COMMIT' }].map((statement) => client.query(statement));
  } finally {
    release();
  }
};

const runBatch = async (client: PoolClient, statements: readonly QueryConfig[]): Promise<QueryResult[]> => {
  const ignore = () => undefined;
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    const answers = sendTransaction(client, statements);
    const settled = await Promise.allSettled(answers);
    const failure = settled.find((answer) => answer.status === 'rejected');
    if (failure !== undefined) {
      broken = await rollBack(client, failure.reason);
      throw failure.reason;
    }
    return (await Promise.all(answers)).slice(1, -1);
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

const sameConnection = (left: DatabaseConnection, right: DatabaseConnection): boolean => {
  return JSON.stringify(left) === JSON.stringify(right);
};
