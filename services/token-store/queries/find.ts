import type { Queryable } from '../../shared/postgres-pool.ts';
import type { RecordTable } from '../transaction-plan.ts';
import { isPartitionUnusable, partitionOf } from './partitions.ts';

/** A row as it is kept; `kind` tells the envelope's owner together with `idHash`. */
export interface SealedRecord {
  readonly kind: string;
  readonly idHash: Buffer;
  readonly payload: Buffer;
  readonly expiresAt: Date;
  readonly consumedAt: Date | undefined;
  readonly version: number | undefined;
  readonly isReplayable?: boolean;
  readonly owner: RecordOwner;
}

/** Whom a record belongs to, with the epochs of its sign-in; absent for kinds that do not keep it. */
export interface RecordOwner {
  readonly subject?: string;
  readonly subjectEpoch?: number;
  readonly clientEpoch?: number;
}

/** A record with the grant and session that it names; absent ones are not visible. */
export interface FoundRecord {
  readonly record: SealedRecord;
  readonly related: readonly SealedRecord[];
}

/** What a record is looked for by: the column, and values of which at most one is there. */
export interface RecordKey {
  readonly column: 'id_hash' | 'uid_hash' | 'user_code_hmac';
  readonly values: readonly Buffer[];
  /** Tokens only: the day that their value names. */
  readonly day?: number;
}

type Row = {
  id_hash: Buffer;
  payload: Buffer;
  expires_at: Date;
  consumed_at: Date | null;
  replayable?: boolean;
  grant_hash: Buffer | null;
  grant_payload: Buffer | null;
  grant_expires_at: Date | null;
  grant_subject: string | null;
  grant_subject_epoch: string | null;
  grant_client_epoch: string | null;
  session_hash: Buffer | null;
  session_payload: Buffer | null;
  session_expires_at: Date | null;
  session_version: string | null;
  session_subject: string | null;
  session_subject_epoch: string | null;
  version?: string;
  subject?: string | null;
  subject_epoch?: string;
  client_epoch?: string;
};

const recordColumns = 'record.id_hash, record.payload, record.expires_at';
const ownerColumns = 'record.subject, record.subject_epoch';
const grantColumns = `family.id_hash AS grant_hash, family.payload AS grant_payload, family.expires_at AS grant_expires_at,
  family.subject AS grant_subject, family.subject_epoch AS grant_subject_epoch, family.client_epoch AS grant_client_epoch`;
const sessionColumns = `session.id_hash AS session_hash, session.payload AS session_payload,
  session.expires_at AS session_expires_at, session.version AS session_version, session.subject AS session_subject,
  session.subject_epoch AS session_subject_epoch`;
const noGrant = `NULL::bytea AS grant_hash, NULL::bytea AS grant_payload, NULL::timestamptz AS grant_expires_at,
  NULL::text AS grant_subject, NULL::bigint AS grant_subject_epoch, NULL::bigint AS grant_client_epoch`;
const noSession = `NULL::bytea AS session_hash, NULL::bytea AS session_payload, NULL::timestamptz AS session_expires_at,
  NULL::bigint AS session_version, NULL::text AS session_subject, NULL::bigint AS session_subject_epoch`;
const joinLivingGrant = 'LEFT JOIN token_store.living_grants AS family ON family.id_hash = record.grant_hash';
const joinLivingSession =
  'LEFT JOIN token_store.living_sessions AS session ON session.uid_hash = record.session_uid_hash';
const notExpired = 'record.expires_at > now()';
const ofCurrentSubject = `NOT EXISTS (SELECT 1 FROM token_store.subject_epochs AS raised
  WHERE raised.subject = record.subject AND raised.epoch > record.subject_epoch)`;
const ofCurrentClient = `NOT EXISTS (SELECT 1 FROM token_store.client_epochs AS raised
  WHERE raised.client_id = record.client_id AND raised.epoch > record.client_epoch)`;

// A record of a family is as alive as the family; what a client has for itself, as the client's epoch.
const tokenStatement = (table: string, aliveAlone: string, replayable: string, session = joinLivingSession) => `
  SELECT ${recordColumns}, record.consumed_at, ${replayable} AS replayable, ${grantColumns},
         ${session === '' ? noSession : sessionColumns}
    FROM ${table} AS record
    ${joinLivingGrant}
    ${session}
   WHERE ${notExpired} AND record.kind = $2
     AND (family.id_hash IS NOT NULL OR (record.grant_hash IS NULL AND ${aliveAlone}))`;

const storedTokens = (table: string): string =>
  tokenStatement(
    table,
    ofCurrentClient,
    `record.consumed_at IS NOT NULL AND EXISTS (SELECT 1 FROM token_store.refresh_replays AS replay
      WHERE replay.id_hash = record.id_hash AND replay.expires_at > now())`,
    // Tokens end with their grant; nobody asks for the session at each refresh.
    '',
  );

const statements: Readonly<Record<RecordTable, string>> = {
  tokens: storedTokens('token_store.tokens'),
  short_lived: tokenStatement('token_store.short_lived', 'true', 'false'),
  sessions: `
    SELECT ${recordColumns}, ${ownerColumns}, record.version, NULL::timestamptz AS consumed_at, ${noGrant}, ${noSession}
      FROM token_store.living_sessions AS record WHERE $2::text IS NOT NULL`,
  interactions: `
    SELECT ${recordColumns}, ${ownerColumns}, NULL::timestamptz AS consumed_at, ${grantColumns}, ${noSession}
      FROM token_store.interactions AS record ${joinLivingGrant}
     WHERE ${notExpired} AND ${ofCurrentSubject} AND $2::text IS NOT NULL`,
  grants: `
    SELECT ${recordColumns}, ${ownerColumns}, record.client_epoch, NULL::timestamptz AS consumed_at, ${noGrant}, ${noSession}
      FROM token_store.living_grants AS record WHERE $2::text IS NOT NULL`,
};

const findRows = async (
  connection: Queryable,
  table: RecordTable,
  kind: string,
  { column, values }: RecordKey,
): Promise<Row[]> => {
  // By one value, since PostgreSQL takes a list for a long one, and then reads all grants instead of looking up one.
  for (const value of values) {
    const { rows } = await connection.query<Row>({
      name: `find-${table}-by-${column}`,
      text: `${statements[table]} AND record.${column} = $1`,
      values: [value, kind],
    });
    if (rows.length > 0) return rows;
  }
  return [];
};

/** In the partition of its day; in the parent where that one cannot be named. */
const findTokenRows = async (
  connection: Queryable,
  kind: string,
  { values: [idHash], day = 0 }: RecordKey,
): Promise<Row[]> => {
  try {
    const { rows } = await connection.query<Row>({
      name: `find-tokens-${day}`,
      text: `${storedTokens(partitionOf(day))} AND record.day = $3 AND record.id_hash = $1`,
      values: [idHash, kind, day],
    });
    return rows;
  } catch (error) {
    if (!isPartitionUnusable(error)) throw error;
    const { rows } = await connection.query<Row>({
      name: 'find-tokens',
      text: `${statements.tokens} AND record.day = $3 AND record.id_hash = $1`,
      values: [idHash, kind, day],
    });
    return rows;
  }
};

/** One look-up, one round trip. Undefined for what is unknown, expired, or of a family that is not alive. */
export const findSealedRecord = async (
  connection: Queryable,
  table: RecordTable,
  kind: string,
  key: RecordKey,
): Promise<FoundRecord | undefined> => {
  const rows =
    table === 'tokens' ? await findTokenRows(connection, kind, key) : await findRows(connection, table, kind, key);
  const [row] = rows;
  if (!row) return undefined;
  return {
    record: {
      kind,
      idHash: row.id_hash,
      payload: row.payload,
      expiresAt: row.expires_at,
      consumedAt: row.consumed_at ?? undefined,
      version: toNumber(row.version),
      ...(row.replayable === true && { isReplayable: true }),
      owner: toOwner(row.subject, row.subject_epoch, row.client_epoch),
    },
    related: [...relatedGrant(row), ...relatedSession(row)],
  };
};

/** pg gives bigint as text. */
const toNumber = (value: string | null | undefined): number | undefined =>
  value === null || value === undefined ? undefined : Number(value);

const toOwner = (
  subject: string | null | undefined,
  subjectEpoch: string | null | undefined,
  clientEpoch?: string | null,
): RecordOwner => ({
  ...(subject === null || subject === undefined ? {} : { subject, subjectEpoch: Number(subjectEpoch ?? 0) }),
  ...(clientEpoch === null || clientEpoch === undefined ? {} : { clientEpoch: Number(clientEpoch) }),
});

const relatedGrant = (row: Row): SealedRecord[] =>
  row.grant_hash && row.grant_payload && row.grant_expires_at
    ? [
        {
          kind: 'grant',
          idHash: row.grant_hash,
          payload: row.grant_payload,
          expiresAt: row.grant_expires_at,
          consumedAt: undefined,
          version: undefined,
          owner: toOwner(row.grant_subject, row.grant_subject_epoch, row.grant_client_epoch),
        },
      ]
    : [];

const relatedSession = (row: Row): SealedRecord[] =>
  row.session_hash && row.session_payload && row.session_expires_at
    ? [
        {
          kind: 'session',
          idHash: row.session_hash,
          payload: row.session_payload,
          expiresAt: row.session_expires_at,
          consumedAt: undefined,
          version: toNumber(row.session_version),
          owner: toOwner(row.session_subject, row.session_subject_epoch),
        },
      ]
    : [];
