import { setTimeout as timerDelay } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from 'pino';
import { readDatabaseConnection } from './postgres-connection.ts';
import { databaseErrorCode } from './postgres-errors.ts';
import type { DatabaseSettings } from './service-settings.ts';

export interface PostgresListenerOptions {
  /** A name of ours, never one from outside. */
  readonly channel: string;
  readonly onNotification: () => void;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

const retryMilliseconds = 5_000;

/**
 * Listens on a connection of its own until the signal aborts, again and again. Only ever a hint: notifications are lost
 * while it connects, and come not at all by way of a pooler that lends connections for a transaction.
 */
export const runPostgresListener = async (
  settings: DatabaseSettings,
  { channel, onNotification, signal, logger }: PostgresListenerOptions,
): Promise<void> => {
  const listenOnce = async (): Promise<void> => {
    const { client: connection } = await readDatabaseConnection(settings);
    const client = new pg.Client({
      ...connection,
      keepAlive: true,
      connectionTimeoutMillis: 3000,
      application_name: 'identity-operator-listener',
    });
    const ended = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
      signal.addEventListener('abort', () => resolve());
    });
    client.on('notification', onNotification);
    try {
      await client.connect();
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      // What was told before was told to nobody.
      onNotification();
      await ended;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  while (!signal.aborted) {
    await listenOnce().catch((error: unknown) => {
      logger.debug({ code: databaseErrorCode(error), channel }, 'not listening');
    });
    await timerDelay(retryMilliseconds, undefined, { signal, ref: false }).catch(() => undefined);
  }
};
