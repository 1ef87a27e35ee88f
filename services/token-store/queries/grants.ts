import type { Queryable } from '../../shared/postgres-pool.ts';
import type { LockedGrant } from '../transaction-plan.ts';

type LockedRow = {
  id_hash: Buffer;
  revoked: boolean;
  expired: boolean;
  outdated: boolean;
  subject: string | null;
  client_id: string | null;
};

const lockStatement = (strength: 'UPDATE' | 'SHARE') => `
  SELECT id_hash, revoked_at IS NOT NULL AS revoked, expires_at <= now() AS expired, subject, client_id,
         EXISTS (SELECT 1 FROM token_store.subject_epochs AS raised
                  WHERE raised.subject = family.subject AND raised.epoch > family.subject_epoch)
      OR EXISTS (SELECT 1 FROM token_store.client_epochs AS raised
                  WHERE raised.client_id = family.client_id AND raised.epoch > family.client_epoch) AS outdated
    FROM token_store.grants AS family WHERE id_hash = ANY($1::bytea[])
   ORDER BY id_hash FOR ${strength} OF family`;

const toLockedGrant = ({ id_hash, subject, client_id, ...state }: LockedRow): LockedGrant => ({
  ...state,
  idHash: id_hash,
  subject: subject ?? undefined,
  clientId: client_id ?? undefined,
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

const addToFeed = `INSERT INTO token_store.revocations (kind, key_hash, expires_at)
  SELECT 'grant', id_hash, now() + make_interval(secs => $2) FROM ended`;

/**
 * Ends families; for those that are over already, or unknown, nothing happens.
 * @param feedSeconds for how long gateways have to know of it
 */
export const revokeGrants = async (
  connection: Queryable,
  hashes: readonly Buffer[],
  feedSeconds: number,
): Promise<void> => {
  if (hashes.length === 0) return;
  await connection.query({
    name: 'revoke-grants',
    text: `
      WITH ended AS (
        UPDATE token_store.grants SET revoked_at = now() WHERE id_hash = ANY($1::bytea[]) AND revoked_at IS NULL
        RETURNING id_hash)
      ${addToFeed}`,
    values: [hashes, feedSeconds],
  });
};

/** For how long a family that is not there yet stays ended, s: longer than any commit under way can take. */
const foretoldSeconds = 3600;

/**
 * Ends a family, also one whose commit is under way and not to be seen yet: a row in its place that is over keeps the writer
 * from making it.
 */
export const revokeGrantForGood = async (connection: Queryable, hash: Buffer, feedSeconds: number): Promise<void> => {
  await connection.query({
    name: 'revoke-grant-for-good',
    text: `
      WITH ended AS (
        INSERT INTO token_store.grants AS family (id_hash, payload, expires_at, revoked_at)
        VALUES ($1, ''::bytea, now() + make_interval(secs => $3), now())
        ON CONFLICT (id_hash) DO UPDATE SET revoked_at = now() WHERE family.revoked_at IS NULL
        RETURNING id_hash)
      ${addToFeed}`,
    values: [hash, feedSeconds, foretoldSeconds],
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
  { commitId, feedSeconds, tokenDays }: { commitId: string; feedSeconds: number; tokenDays: readonly number[] },
): Promise<number> => {
  const { rowCount } = await connection.query({
    name: 'revoke-replayed-families',
    text: `
      WITH ended AS (
        UPDATE token_store.grants AS family SET revoked_at = now()
          FROM token_store.tokens AS token
         WHERE token.id_hash = ANY($1::bytea[]) AND token.day = ANY($4::int[]) AND token.consumed_at IS NOT NULL AND token.consumed_by <> $3
           AND family.id_hash = token.grant_hash AND family.revoked_at IS NULL
        RETURNING family.id_hash)
      ${addToFeed}`,
    values: [tokens, feedSeconds, commitId, tokenDays],
  });
  return rowCount ?? 0;
};
