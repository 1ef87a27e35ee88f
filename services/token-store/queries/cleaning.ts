import type { Queryable } from '../../shared/postgres-pool.ts';

/** A table whose rows end at a time. */
export interface ExpiringTable {
  readonly name: string;
  /** Column with the time; rows without one do not end. */
  readonly endsAt: string;
  /** Kept for so long after their end, s, whatever the grace. */
  readonly keepSeconds: number;
}

const recordTable = (name: string): ExpiringTable => ({ name, endsAt: 'expires_at', keepSeconds: 0 });

// Whoever asks why a message did not come can look for a week.
const outboxKeepSeconds = 604_800;

/** Tables whose rows end by a time of their own; tokens end with the partition of their day. */
export const expiringTables: readonly ExpiringTable[] = [
  ...['short_lived', 'refresh_replays', 'sessions', 'interactions', 'one_time_ids', 'grants'].map(recordTable),
  { name: 'revocations', endsAt: 'expires_at', keepSeconds: 0 },
  { name: 'outbox', endsAt: 'finished_at', keepSeconds: outboxKeepSeconds },
];

/**
 * Removes rows that ended more than `graceSeconds` ago, `limit` at most; rows that somebody holds, or another process
 * is cleaning, are passed over. They are named by their places, which their locks hold: named by keys, with a limit that the
 * plan does not know, each batch would read the whole table.
 * @returns how many are gone
 */
export const deleteExpiredRows = async (
  connection: Queryable,
  { name, endsAt, keepSeconds }: ExpiringTable,
  { graceSeconds, limit }: { readonly graceSeconds: number; readonly limit: number },
): Promise<number> => {
  const { rowCount } = await connection.query({
    name: `clean-${name}`,
    text: `
      DELETE FROM token_store.${name} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM token_store.${name}
         WHERE ${endsAt} <= now() - make_interval(secs => $1)
         ORDER BY ${endsAt} LIMIT $2 FOR UPDATE SKIP LOCKED))`,
    values: [graceSeconds + keepSeconds, limit],
  });
  return rowCount ?? 0;
};
