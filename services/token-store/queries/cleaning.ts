import type { Queryable } from '../../shared/postgres-pool.ts';
import type { RecordTable } from '../transaction-plan.ts';

/** Tables whose rows end by `expires_at`. */
export const expiringTables: readonly (RecordTable | 'one_time_ids')[] = [
  'tokens',
  'short_lived',
  'sessions',
  'interactions',
  'one_time_ids',
  'grants',
];

/**
 * Removes rows that expired more than `graceSeconds` ago, `limit` at most; rows that somebody holds, or another process
 * is cleaning, are passed over.
 * @returns how many are gone
 */
export const deleteExpiredRows = async (
  connection: Queryable,
  table: RecordTable | 'one_time_ids',
  { graceSeconds, limit }: { readonly graceSeconds: number; readonly limit: number },
): Promise<number> => {
  const { rowCount } = await connection.query({
    name: `clean-${table}`,
    text: `
      DELETE FROM token_store.${table} WHERE id_hash IN (
        SELECT id_hash FROM token_store.${table}
         WHERE expires_at <= now() - make_interval(secs => $1)
         ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    values: [graceSeconds, limit],
  });
  return rowCount ?? 0;
};
