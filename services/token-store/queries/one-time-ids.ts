import type { Queryable } from '../../shared/postgres-pool.ts';

/**
 * Marks ids as used. An id that this commit marked before is no conflict, nor is one that has expired.
 * @returns whether all of them are this commit's now
 */
export const useOneTimeIds = async (
  connection: Queryable,
  ids: readonly { readonly idHash: Buffer; readonly expiresInSeconds: number }[],
  commitId: string,
): Promise<boolean> => {
  if (ids.length === 0) return true;
  const { rowCount } = await connection.query({
    name: 'use-one-time-ids',
    text: `
      INSERT INTO token_store.one_time_ids AS used (id_hash, commit_id, expires_at)
      SELECT id_hash, $3, now() + make_interval(secs => seconds)
        FROM unnest($1::bytea[], $2::int[]) AS wanted (id_hash, seconds)
      ON CONFLICT (id_hash) DO UPDATE SET commit_id = EXCLUDED.commit_id, expires_at = EXCLUDED.expires_at
       WHERE used.commit_id = EXCLUDED.commit_id OR used.expires_at <= now()`,
    values: [ids.map(({ idHash }) => idHash), ids.map(({ expiresInSeconds }) => expiresInSeconds), commitId],
  });
  return rowCount === ids.length;
};
