import type { Queryable } from '../../shared/postgres-pool.ts';
import type { LockedSession } from '../transaction-plan.ts';

type LockedRow = { uid_hash: Buffer; version: string; committed_by: string | null };

/** Locks sessions that will be written. A statement of its own: the next one sees what the lock waited for. */
export const lockSessions = async (connection: Queryable, uidHashes: readonly Buffer[]): Promise<LockedSession[]> => {
  if (uidHashes.length === 0) return [];
  const { rows } = await connection.query<LockedRow>({
    name: 'lock-sessions',
    text: `
      SELECT uid_hash, version, committed_by FROM token_store.sessions
       WHERE uid_hash = ANY($1::bytea[]) ORDER BY uid_hash FOR UPDATE`,
    values: [uidHashes],
  });
  return rows.map(({ uid_hash, version, committed_by }) => ({
    uidHash: uid_hash,
    version: Number(version),
    committedBy: committed_by,
  }));
};
