import type { Queryable } from '../../shared/postgres-pool.ts';
import type { LockedGrant } from '../transaction-plan.ts';

type LockedRow = { id_hash: Buffer; revoked: boolean; expired: boolean };

const lockStatement = (strength: 'UPDATE' | 'SHARE') => `
  SELECT id_hash, revoked_at IS NOT NULL AS revoked, expires_at <= now() AS expired
    FROM token_store.grants WHERE id_hash = ANY($1::bytea[])
   ORDER BY id_hash FOR ${strength}`;

const toLockedGrant = ({ id_hash, revoked, expired }: LockedRow): LockedGrant => ({
  idHash: id_hash,
  revoked,
  expired,
});

/** Locks grants that will be written or revoked. A statement of its own: the next one sees what the lock waited for. */
export const lockGrantsForUpdate = async (connection: Queryable, hashes: readonly Buffer[]): Promise<LockedGrant[]> => {
  if (hashes.length === 0) return [];
  const { rows } = await connection.query<LockedRow>({
    name: 'lock-grants-for-update',
    text: lockStatement('UPDATE'),
    values: [hashes],
  });
  return rows.map(toLockedGrant);
};

/** Locks grants that records are issued to: many may do so at once, a revocation waits for them or they for it. */
export const lockGrantsForShare = async (connection: Queryable, hashes: readonly Buffer[]): Promise<LockedGrant[]> => {
  if (hashes.length === 0) return [];
  const { rows } = await connection.query<LockedRow>({
    name: 'lock-grants-for-share',
    text: lockStatement('SHARE'),
    values: [hashes],
  });
  return rows.map(toLockedGrant);
};

/** Ends families; for those that are over already, or unknown, nothing happens. */
export const revokeGrants = async (connection: Queryable, hashes: readonly Buffer[]): Promise<void> => {
  if (hashes.length === 0) return;
  await connection.query({
    name: 'revoke-grants',
    text: `UPDATE token_store.grants SET revoked_at = now() WHERE id_hash = ANY($1::bytea[]) AND revoked_at IS NULL`,
    values: [hashes],
  });
};

/**
 * Ends the families of refresh tokens that somebody else had used already (RFC 9700, 4.14.2). One's own mark, from a
 * commit whose answer was lost, is no replay.
 * @returns how many families ended now
 */
export const revokeReplayedFamilies = async (
  connection: Queryable,
  tokens: readonly Buffer[],
  commitId: string,
): Promise<number> => {
  const { rowCount } = await connection.query({
    name: 'revoke-replayed-families',
    text: `
      UPDATE token_store.grants AS family SET revoked_at = now()
        FROM token_store.tokens AS token
       WHERE token.id_hash = ANY($1::bytea[]) AND token.consumed_at IS NOT NULL AND token.consumed_by <> $2
         AND family.id_hash = token.grant_hash AND family.revoked_at IS NULL`,
    values: [tokens, commitId],
  });
  return rowCount ?? 0;
};
