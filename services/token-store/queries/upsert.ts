import type { Queryable } from '../../shared/postgres-pool.ts';
import { parseTokenDay } from '../client/token-value.ts';
import type { DataKeyring } from '../data-encryption-keys.ts';
import { sealEnvelope } from '../envelope.ts';
import { hashRecordId, hashSessionUid } from '../record-hash.ts';
import type { PlannedUpsert, RecordTable, TransactionPlan, UpsertIntent } from '../transaction-plan.ts';

const clientEpoch = `COALESCE(client_epoch, (SELECT raised.epoch FROM token_store.client_epochs AS raised
  WHERE raised.client_id = row.client_id), 0)`;

// A rewritten record keeps its consumed mark: rewriting is no way to use it twice.
const statements: Readonly<Record<RecordTable, string>> = {
  // A family keeps the epochs of its sign-in.
  grants: `
    INSERT INTO token_store.grants AS current
      (id_hash, payload, expires_at, subject, subject_epoch, client_id, client_epoch)
    SELECT id_hash, payload, now() + make_interval(secs => seconds), subject, subject_epoch, client_id, ${clientEpoch}
      FROM unnest($1::bytea[], $2::bytea[], $3::int[], $4::text[], $5::bigint[], $6::text[], $7::bigint[])
        AS row (id_hash, payload, seconds, subject, subject_epoch, client_id, client_epoch)
    ON CONFLICT (id_hash) DO UPDATE SET payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at,
      subject = EXCLUDED.subject, client_id = EXCLUDED.client_id
    WHERE current.revoked_at IS NULL`,
  tokens: `
    INSERT INTO token_store.tokens
      (id_hash, payload, expires_at, subject, client_id, kind, grant_hash, session_uid_hash, client_epoch, day)
    SELECT id_hash, payload, now() + make_interval(secs => seconds), subject, client_id, kind, grant_hash, uid_hash,
           ${clientEpoch}, day
      FROM unnest($1::bytea[], $2::bytea[], $3::int[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bytea[],
        $9::bigint[], $10::int[])
        AS row (id_hash, payload, seconds, subject, client_id, kind, grant_hash, uid_hash, client_epoch, day)
    ON CONFLICT (day, id_hash) DO UPDATE SET payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at,
      subject = EXCLUDED.subject, grant_hash = EXCLUDED.grant_hash, session_uid_hash = EXCLUDED.session_uid_hash`,
  // A device's code belongs to the first who approved it. Two people never have one grant, so the same one again is a commit
  // that is repeated, or another tab of the same person's.
  short_lived: `
    INSERT INTO token_store.short_lived AS current
      (id_hash, payload, expires_at, subject, client_id, kind, grant_hash, session_uid_hash, user_code_hmac)
    SELECT id_hash, payload, now() + make_interval(secs => seconds), subject, client_id, kind, grant_hash, uid_hash, code
      FROM unnest($1::bytea[], $2::bytea[], $3::int[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bytea[],
        $9::bytea[]) AS row (id_hash, payload, seconds, subject, client_id, kind, grant_hash, uid_hash, code)
    ON CONFLICT (id_hash) DO UPDATE SET payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at,
      subject = EXCLUDED.subject, grant_hash = EXCLUDED.grant_hash, session_uid_hash = EXCLUDED.session_uid_hash
    WHERE current.kind <> 'device_code' OR current.subject IS NULL
       OR current.grant_hash IS NOT DISTINCT FROM EXCLUDED.grant_hash`,
  // A session that gets a new id (after sign-in) keeps its uid, and its row. One that should not be there is left alone.
  // Its families come as text, since arrays of PostgreSQL have no rows of different lengths.
  sessions: `
    INSERT INTO token_store.sessions AS current
      (id_hash, payload, expires_at, subject, subject_epoch, uid_hash, family_hashes, committed_by)
    SELECT id_hash, payload, now() + make_interval(secs => seconds), subject, subject_epoch, uid_hash,
           families::bytea[], $8::uuid
      FROM unnest($1::bytea[], $2::bytea[], $3::int[], $4::text[], $5::bigint[], $6::bytea[], $7::text[])
        AS row (id_hash, payload, seconds, subject, subject_epoch, uid_hash, families)
    ON CONFLICT (uid_hash) DO UPDATE SET id_hash = EXCLUDED.id_hash, payload = EXCLUDED.payload,
      expires_at = EXCLUDED.expires_at, subject = EXCLUDED.subject, subject_epoch = EXCLUDED.subject_epoch,
      family_hashes = EXCLUDED.family_hashes, committed_by = EXCLUDED.committed_by,
      version = current.version + CASE WHEN current.committed_by = $8::uuid THEN 0 ELSE 1 END
    WHERE current.committed_by = $8::uuid
       OR COALESCE(($9::bigint[])[array_position($6::bytea[], EXCLUDED.uid_hash)], current.version) = current.version`,
  interactions: `
    INSERT INTO token_store.interactions (id_hash, payload, expires_at, subject, subject_epoch, grant_hash)
    SELECT id_hash, payload, now() + make_interval(secs => seconds), subject, subject_epoch, grant_hash
      FROM unnest($1::bytea[], $2::bytea[], $3::int[], $4::text[], $5::bigint[], $6::bytea[])
        AS row (id_hash, payload, seconds, subject, subject_epoch, grant_hash)
    ON CONFLICT (id_hash) DO UPDATE SET payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at,
      subject = EXCLUDED.subject, subject_epoch = EXCLUDED.subject_epoch, grant_hash = EXCLUDED.grant_hash`,
};

/**
 * Writes records, new or over what is there; one statement for all of a table.
 * @returns how many were written: fewer when some must not be written over
 */
export const upsertRecords = async (
  connection: Queryable,
  table: RecordTable,
  plan: TransactionPlan,
  keyring: DataKeyring,
): Promise<number> => {
  const upserts = plan.upserts[table];
  if (upserts.length === 0) return 0;
  const { rowCount } = await connection.query({
    name: `upsert-${table}`,
    text: statements[table],
    values: [
      ...commonColumns(upserts, keyring),
      ...columnsOf[table](upserts, keyring),
      ...(table === 'sessions' ? [plan.commitId, upserts.map(({ intent }) => intent.expectedVersion ?? null)] : []),
    ],
  });
  return rowCount ?? 0;
};

const commonColumns = (upserts: readonly PlannedUpsert[], keyring: DataKeyring): unknown[][] => [
  upserts.map(({ idHash }) => idHash),
  upserts.map(({ idHash, intent: { kind, id, payload } }) => sealEnvelope(keyring, { kind, idHash }, { id, payload })),
  upserts.map(({ intent }) => intent.expiresInSeconds),
];

type Columns = (upserts: readonly PlannedUpsert[], keyring: DataKeyring) => unknown[][];

const subjects: Columns = (upserts) => [upserts.map(({ intent }) => intent.subject ?? null)];
const subjectEpochs: Columns = (upserts) => [upserts.map(({ intent }) => intent.subjectEpoch ?? 0)];
const clients: Columns = (upserts) => [upserts.map(({ intent }) => intent.clientId ?? null)];
const clientEpochs: Columns = (upserts) => [upserts.map(({ intent }) => intent.clientEpoch ?? null)];
const grantHashes: Columns = (upserts) => [upserts.map(({ grantHash }) => grantHash ?? null)];
const tokenColumns: Columns = (upserts, keyring) => [
  ...subjects(upserts, keyring),
  ...clients(upserts, keyring),
  upserts.map(({ intent }) => intent.kind),
  ...grantHashes(upserts, keyring),
  upserts.map(({ intent: { sessionUid } }) => (sessionUid === undefined ? null : hashSessionUid(sessionUid))),
];
const ownerColumns: Columns = (upserts, keyring) => [...subjects(upserts, keyring), ...subjectEpochs(upserts, keyring)];

const familyHashes = ({ familyIds = [] }: UpsertIntent): string => {
  const hashes = familyIds.map((id) => `"\\\\x${hashRecordId('grant', id).toString('hex')}"`);
  return `{${hashes.join(',')}}`;
};

const columnsOf: Readonly<Record<RecordTable, Columns>> = {
  grants: (upserts, keyring) => [
    ...ownerColumns(upserts, keyring),
    ...clients(upserts, keyring),
    ...clientEpochs(upserts, keyring),
  ],
  tokens: (upserts, keyring) => [
    ...tokenColumns(upserts, keyring),
    ...clientEpochs(upserts, keyring),
    upserts.map(({ intent }) => parseTokenDay(intent.id) ?? null),
  ],
  short_lived: (upserts, keyring) => [
    ...tokenColumns(upserts, keyring),
    upserts.map(({ intent: { userCode } }) => (userCode === undefined ? null : keyring.hashUserCode(userCode)[0])),
  ],
  // A session without a uid is found by its id alone; the column wants something unique, which its id is.
  sessions: (upserts, keyring) => [
    ...ownerColumns(upserts, keyring),
    upserts.map(({ idHash, intent: { uid } }) => (uid === undefined ? idHash : hashSessionUid(uid))),
    upserts.map(({ intent }) => familyHashes(intent)),
  ],
  interactions: (upserts, keyring) => [...ownerColumns(upserts, keyring), ...grantHashes(upserts, keyring)],
};
