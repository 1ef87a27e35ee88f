import { setTimeout as timerDelay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { databaseErrorCode } from '../shared/postgres-errors.ts';
import type { Queryable } from '../shared/postgres-pool.ts';
import { deleteExpiredRows, expiringTables } from './queries/cleaning.ts';
import type { TokenStoreLiveSettings } from './settings.ts';
import { dropEndedTokenPartitions, ensureTokenPartitions } from './token-partitions.ts';

const batchLimit = 1000;
// Longer than any caller repeats a commit: it must find its own mark, even on a row that expired meanwhile.
const defaultGraceSeconds = 600;
const everyMilliseconds = 60_000;
const betweenBatchesMilliseconds = 200;

/** What cleaning takes from outside. */
export interface CleaningOptions {
  readonly pool: Queryable;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onCleaned?: (table: string, rows: number) => void;
  /** The longest lifetimes of the moment. */
  readonly lifetimes: () => TokenStoreLiveSettings['lifetimes'];
  readonly random?: () => number;
}

/**
 * Makes partitions that will be needed, drops ended ones, and removes expired rows in small batches until the signal aborts; expired rows are invisible before. Every pod does so, at
 * moments of its own, and they pass each other's rows over.
 */
export const runCleaning = async (options: CleaningOptions): Promise<void> => {
  const { logger, signal, random = Math.random } = options;
  const pause = (milliseconds: number) => timerDelay(milliseconds, undefined, { signal, ref: false });
  while (!signal.aborted) {
    try {
      await pause(everyMilliseconds * (0.5 + random()));
      await ensureTokenPartitions(options.pool, options.lifetimes());
      await dropEndedTokenPartitions(options.pool, (day) => logger.info({ day }, 'tokens of an ended day dropped'));
      await cleanExpiredRows({ ...options, pause: () => pause(betweenBatchesMilliseconds) });
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ code: databaseErrorCode(error) }, 'cleaning failed, later again');
    }
  }
};

/** Removes everything that expired before the grace, a batch at a time with a pause between. */
export const cleanExpiredRows = async (
  options: Pick<CleaningOptions, 'pool' | 'onCleaned'> & {
    readonly graceSeconds?: number;
    readonly limit?: number;
    readonly pause?: () => Promise<void>;
  },
): Promise<void> => {
  const limit = options.limit ?? batchLimit;
  const graceSeconds = options.graceSeconds ?? defaultGraceSeconds;
  for (const table of expiringTables) {
    for (;;) {
      const rows = await deleteExpiredRows(options.pool, table, { graceSeconds, limit });
      if (rows > 0) options.onCleaned?.(table.name, rows);
      if (rows < limit) break;
      await options.pause?.();
    }
  }
};
