import { setTimeout as timerDelay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { databaseErrorCode } from '../shared/postgres-errors.ts';
import type { Queryable } from '../shared/postgres-pool.ts';

/** A table, its key, and which of its rows have had their time. `$1` is seconds. */
type Cleaned = { readonly table: string; readonly key: string; readonly condition: string; readonly seconds: number };

/** A registration that nobody confirmed gives its address free; a mail waits so long for mail to be set up again. */
const sevenDays = 7 * 24 * 3600;

const listCleaned = (auditSeconds: number): Cleaned[] => {
  const expired = 'expires_at <= now() - make_interval(secs => $1)';
  return [
    { table: 'mail_links', key: 'token_hash', condition: expired, seconds: 0 },
    { table: 'attempt_counters', key: 'key_hash', condition: expired, seconds: 0 },
    { table: 'consent_grants', key: 'grant_id', condition: expired, seconds: 0 },
    // What somebody had agreed to is on record for as long as that they took it back.
    {
      table: 'consents',
      key: 'id',
      condition: 'ended_at <= now() - make_interval(secs => $1)',
      seconds: auditSeconds,
    },
    { table: 'audit_events', key: 'id', condition: 'at <= now() - make_interval(secs => $1)', seconds: auditSeconds },
    {
      table: 'accounts',
      key: 'id',
      condition: 'pending AND created_at <= now() - make_interval(secs => $1)',
      seconds: sevenDays,
    },
    {
      table: 'outbox',
      key: 'id',
      condition: `topic = 'mail' AND created_at <= now() - make_interval(secs => $1)`,
      seconds: sevenDays,
    },
  ];
};

const batchLimit = 1000;
const everyMilliseconds = 300_000;
const betweenBatchesMilliseconds = 200;

type CleaningOptions = {
  readonly database: Queryable;
  /** How long the audit trail is kept. */
  readonly auditSeconds: number;
};

const cleanBatch = async (
  database: Queryable,
  { table, key, condition, seconds }: Cleaned,
  limit: number,
): Promise<number> => {
  const { rowCount } = await database.query({
    name: `clean-${table}`,
    // Rows that somebody holds, or another pod is cleaning, are passed over.
    text: `DELETE FROM auth.${table} WHERE ${key} IN (
             SELECT ${key} FROM auth.${table} WHERE ${condition} LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    values: [seconds, limit],
  });
  return rowCount ?? 0;
};

/** Removes what has had its time, a batch at a time with a pause between: never one long statement. */
export const cleanAuth = async (
  { database, auditSeconds }: CleaningOptions,
  { limit = batchLimit, pause }: { limit?: number; pause?: () => Promise<void> } = {},
): Promise<void> => {
  for (const cleaned of listCleaned(auditSeconds)) {
    while ((await cleanBatch(database, cleaned, limit)) === limit) await pause?.();
  }
};

/** `cleanAuth` until the signal aborts, at moments of this pod's own. */
export const runAuthCleaning = async (
  options: CleaningOptions & { logger: Logger; signal: AbortSignal; random?: () => number },
): Promise<void> => {
  const { logger, signal, random = Math.random } = options;
  const wait = (milliseconds: number) => timerDelay(milliseconds, undefined, { signal, ref: false });
  while (!signal.aborted) {
    try {
      await wait(everyMilliseconds * (0.5 + random()));
      await cleanAuth(options, { pause: () => wait(betweenBatchesMilliseconds) });
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ code: databaseErrorCode(error) }, 'cleaning failed, later again');
    }
  }
};
