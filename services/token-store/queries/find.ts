import type { Queryable } from '../../shared/postgres-pool.ts';
import type { RecordTable, TokenTable } from '../transaction-plan.ts';

/** A row as it is kept; `kind` tells the envelope's owner together with `idHash`. */
export interface SealedRecord {
  readonly kind: string;
  readonly idHash: Buffer;
  readonly payload: Buffer;
  readonly expiresAt: Date;
  readonly consumedAt: Date | undefined;
  readonly version: number | undefined;
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
}

type Row = {
  id_hash: Buffer;
  payload: Buffer;
  expires_at: Date;
  consumed_at: Date | null;
  grant_hash: Buffer | null;
  grant_payload: Buffer | null;
  grant_expires_at: Date | null;
  session_hash: Buffer | null;
  session_payload: Buffer | null;
  session_expires_at: Date | null;
  session_version: string | null;
  version?: string;
};

const recordColumns = 'record.id_hash, record.payload, record.expires_at';
const grantColumns = `family.id_hash AS grant_hash, family.payload AS grant_payload, family.expires_at AS grant_expires_at`;
const sessionColumns = `session.id_hash AS session_hash, session.payload AS session_payload,
  session.expires_at AS session_expires_at, session.version AS session_version`;
const noGrant = `NULL::bytea AS grant_hash, NULL::bytea AS grant_payload, NULL::timestamptz AS grant_expires_at`;
const noSession = `NULL::bytea AS session_hash, NULL::bytea AS session_payload, NULL::timestamptz AS session_expires_at,
  NULL::bigint AS session_version`;
const joinAliveGrant = `LEFT JOIN token_store.grants AS family
  ON family.id_hash = record.grant_hash AND family.revoked_at IS NULL AND family.expires_at > now()`;
const notExpired = 'record.expires_at > now()';

const tokenStatement = (table: TokenTable) => `
  SELECT ${recordColumns}, record.consumed_at, ${grantColumns}, ${sessionColumns}
    FROM token_store.${table} AS record
    ${joinAliveGrant}
    LEFT JOIN token_store.sessions AS session
      ON session.uid_hash = record.session_uid_hash AND session.expires_at > now()
   WHERE ${notExpired} AND (record.grant_hash IS NULL OR family.id_hash IS NOT NULL) AND record.kind = $2`;

const statements: Readonly<Record<RecordTable, string>> = {
  tokens: tokenStatement('tokens'),
  short_lived: tokenStatement('short_lived'),
  sessions: `
    SELECT ${recordColumns}, record.version, NULL::timestamptz AS consumed_at, ${noGrant}, ${noSession}
      FROM token_store.sessions AS record WHERE ${notExpired} AND $2::text IS NOT NULL`,
  interactions: `
    SELECT ${recordColumns}, NULL::timestamptz AS consumed_at, ${grantColumns}, ${noSession}
      FROM token_store.interactions AS record ${joinAliveGrant} WHERE ${notExpired} AND $2::text IS NOT NULL`,
  grants: `
    SELECT ${recordColumns}, NULL::timestamptz AS consumed_at, ${noGrant}, ${noSession}
      FROM token_store.grants AS record
     WHERE ${notExpired} AND record.revoked_at IS NULL AND $2::text IS NOT NULL`,
};

/** One look-up, one round trip. Undefined for what is unknown, expired, or of a family that is not alive. */
export const findSealedRecord = async (
  connection: Queryable,
  table: RecordTable,
  kind: string,
  key: RecordKey,
): Promise<FoundRecord | undefined> => {
  const { rows } = await connection.query<Row>({
    name: `find-${table}-by-${key.column}`,
    text: `${statements[table]} AND record.${key.column} = ANY($1::bytea[])`,
    values: [key.values, kind],
  });
  const [row] = rows;
  if (!row) return undefined;
  return {
    record: {
      kind,
      idHash: row.id_hash,
      payload: row.payload,
      expiresAt: row.expires_at,
      consumedAt: row.consumed_at ?? undefined,
      version: toVersion(row.version),
    },
    related: [
      ...relatedRecord('grant', row.grant_hash, row.grant_payload, row.grant_expires_at),
      ...relatedRecord('session', row.session_hash, row.session_payload, row.session_expires_at, row.session_version),
    ],
  };
};

/** pg gives bigint as text. */
const toVersion = (version: string | null | undefined): number | undefined =>
  version === null || version === undefined ? undefined : Number(version);

const relatedRecord = (
  kind: string,
  idHash: Buffer | null,
  payload: Buffer | null,
  expiresAt: Date | null,
  version: string | null = null,
): SealedRecord[] =>
  idHash && payload && expiresAt
    ? [{ kind, idHash, payload, expiresAt, consumedAt: undefined, version: toVersion(version) }]
    : [];
