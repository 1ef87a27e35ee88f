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

const endInto = `INSERT INTO token_store.revocations (kind, key_hash, expires_at)
  SELECT 'session', uid_hash, now() + make_interval(secs => $2) FROM ended`;

/**
 * Ends sessions; those that are not there are no fault.
 * @param feedSeconds for how long gateways have to know of it
 */
export const destroySessions = async (
  connection: Queryable,
  hashes: readonly Buffer[],
  feedSeconds: number,
): Promise<void> => {
  if (hashes.length === 0) return;
  await connection.query({
    name: 'destroy-sessions',
    text: `
      WITH ended AS (DELETE FROM token_store.sessions WHERE id_hash = ANY($1::bytea[]) RETURNING uid_hash)
      ${endInto}`,
    values: [hashes, feedSeconds],
  });
};

/** A session with the families that end with it. */
export type SessionFamilies = { readonly version: string; readonly familyHashes: readonly Buffer[] };

/** Undefined for a session that is not there. */
export const readSessionFamilies = async (
  connection: Queryable,
  uidHash: Buffer,
): Promise<SessionFamilies | undefined> => {
  const { rows } = await connection.query<{ version: string; family_hashes: Buffer[] }>({
    name: 'read-session-families',
    text: 'SELECT version, family_hashes FROM token_store.sessions WHERE uid_hash = $1',
    values: [uidHash],
  });
  const [row] = rows;
  return row && { version: row.version, familyHashes: row.family_hashes };
};

/**
 * Ends a session as it was read.
 * @returns whether it had that version still
 */
export const endSession = async (
  connection: Queryable,
  { uidHash, version, feedSeconds }: { uidHash: Buffer; version: string; feedSeconds: number },
): Promise<boolean> => {
  const { rowCount } = await connection.query({
    name: 'end-session',
    text: `
      WITH ended AS (DELETE FROM token_store.sessions WHERE uid_hash = $1 AND version = $3 RETURNING uid_hash)
      ${endInto}`,
    values: [uidHash, feedSeconds, version],
  });
  return rowCount === 1;
};

/** A session of a list, sealed. */
export interface ListedSession {
  readonly idHash: Buffer;
  readonly payload: Buffer;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

const listLimit = 100;

/** The living sessions of a subject, newest first. */
export const listSessions = async (connection: Queryable, subject: string): Promise<ListedSession[]> => {
  const { rows } = await connection.query<{ id_hash: Buffer; payload: Buffer; created_at: Date; expires_at: Date }>({
    name: 'list-sessions',
    text: `
      SELECT id_hash, payload, created_at, expires_at FROM token_store.living_sessions
       WHERE subject = $1 ORDER BY created_at DESC, id_hash LIMIT $2`,
    values: [subject, listLimit],
  });
  return rows.map(({ id_hash, payload, created_at, expires_at }) => ({
    idHash: id_hash,
    payload,
    createdAt: created_at,
    expiresAt: expires_at,
  }));
};
