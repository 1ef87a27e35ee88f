import type { PostgresPool } from '../../shared/postgres-pool.ts';
import type { DataKeyring } from '../data-encryption-keys.ts';
import { sealEnvelope } from '../envelope.ts';
import { hashSessionUid } from '../record-hash.ts';
import type { PlannedRotation } from '../refresh-rotation.ts';
import { lockSpaces } from './epochs.ts';
import { isPartitionUnusable, partitionOf } from './partitions.ts';

// A setting of this transaction alone: whoever does not find it has not begun one, and holds none of these locks.
const lockHolder = 'identity_operator.lock_holder';

// The grant's lock takes a value of the owners' locks, so that it comes after them, as everywhere.
const lockStatement = `
  WITH owners AS MATERIALIZED (
    SELECT set_config('${lockHolder}', $4, true)
           || COALESCE(pg_advisory_xact_lock_shared(${lockSpaces.client}, hashtext($1))::text, '')
           || COALESCE(pg_advisory_xact_lock_shared(${lockSpaces.subject}, hashtext($2))::text, '') AS held)
  SELECT 1 FROM owners CROSS JOIN LATERAL (
    SELECT 1 FROM token_store.grants WHERE id_hash = $3 AND owners.held IS NOT NULL FOR SHARE) AS family`;

// A statement of its own: it sees what the locks have waited for. It decides, and writes all or nothing.
const rotateStatement = (day: number): string => `
  WITH family AS MATERIALIZED (
    SELECT 1 FROM token_store.living_grants AS family
     WHERE family.id_hash = $1 AND current_setting('${lockHolder}', true) = $2::text
       AND (family.client_id IS NULL OR family.client_id = $3) AND (family.subject IS NULL OR family.subject = $4)
       AND NOT EXISTS (SELECT 1 FROM token_store.subject_epochs AS raised
                        WHERE raised.subject = $4 AND raised.epoch > $5::bigint)
       AND NOT EXISTS (SELECT 1 FROM token_store.client_epochs AS raised
                        WHERE raised.client_id = $3 AND raised.epoch > $6::bigint)
  ), used AS (
    UPDATE ${partitionOf(day)} AS record
       SET consumed_at = COALESCE(record.consumed_at, now()), consumed_by = $2::uuid
     WHERE record.day = ${day} AND record.id_hash = $7 AND record.kind = 'refresh_token' AND record.grant_hash = $1
       AND ((record.consumed_at IS NULL AND record.expires_at > now()) OR record.consumed_by = $2::uuid)
       AND EXISTS (SELECT 1 FROM family)
    RETURNING 1
  ), kept AS (
    INSERT INTO token_store.refresh_replays (id_hash, fingerprint, successor_day, successor_hash, answer, expires_at)
    SELECT $7, $8::bytea, $9::int, $10::bytea, $11::bytea, now() + make_interval(secs => $12::int) FROM used
     WHERE $8::bytea IS NOT NULL
    ON CONFLICT (id_hash) DO NOTHING
  ), issued AS (
    INSERT INTO token_store.tokens
      (id_hash, payload, expires_at, subject, client_id, kind, grant_hash, session_uid_hash, client_epoch, day)
    SELECT $13::bytea, $14::bytea, now() + make_interval(secs => $15::int), $4, $3, 'refresh_token', $1, $16::bytea,
           COALESCE($6, (SELECT raised.epoch FROM token_store.client_epochs AS raised WHERE raised.client_id = $3), 0),
           $17::int
      FROM used
    ON CONFLICT (day, id_hash) DO UPDATE SET payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at,
      subject = EXCLUDED.subject, grant_hash = EXCLUDED.grant_hash, session_uid_hash = EXCLUDED.session_uid_hash
  )
  SELECT 1 FROM used`;

/**
 * Uses a refresh token up and issues its successor, in one round trip.
 * @returns whether that was done; false wrote nothing, and says nothing of why
 */
export const rotateRefreshToken = async (
  pool: Pick<PostgresPool, 'batch'>,
  { commitId, grantHash, used, successor, replay }: PlannedRotation,
  keyring: DataKeyring,
): Promise<boolean> => {
  const { idHash, intent } = successor;
  const { kind, id, payload, expiresInSeconds, clientId, subject, subjectEpoch = 0, clientEpoch, sessionUid } = intent;
  const locks = {
    name: 'lock-family',
    text: lockStatement,
    values: [clientId ?? null, subject ?? null, grantHash, commitId],
  };
  const rotation = {
    name: `rotate-${used.day}`,
    text: rotateStatement(used.day),
    values: [
      grantHash,
      commitId,
      clientId ?? null,
      subject ?? null,
      subjectEpoch,
      clientEpoch ?? null,
      used.idHash,
      replay?.fingerprint ?? null,
      replay?.successor.day ?? null,
      replay?.successor.idHash ?? null,
      replay?.answer ?? null,
      replay?.leewaySeconds ?? null,
      idHash,
      sealEnvelope(keyring, { kind, idHash }, { id, payload }),
      expiresInSeconds,
      sessionUid === undefined ? null : hashSessionUid(sessionUid),
      successor.day,
    ],
  };
  try {
    const [, rotated] = await pool.batch([locks, rotation]);
    return rotated?.rowCount === 1;
  } catch (error) {
    if (isPartitionUnusable(error)) return false;
    throw error;
  }
};
