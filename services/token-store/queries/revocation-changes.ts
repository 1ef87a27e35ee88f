import type { Queryable } from '../../shared/postgres-pool.ts';

/** What was revoked by transactions from the cursor on, as the database saw it at one moment. */
export interface RevocationChanges {
  /** Which database: its id and its timeline, after whose end transaction ids may be used again. */
  readonly database: string;
  /** Every transaction below it is over: what they revoked is among these changes or was before. */
  readonly next: bigint;
  readonly entries: readonly {
    readonly kind: string;
    readonly keyHash: Buffer;
    readonly xid: bigint;
    /** Epoch seconds. */
    readonly expiresAt: number;
  }[];
  readonly clients: readonly { readonly clientId: string; readonly epoch: number; readonly xid: bigint }[];
}

type Row = {
  database: string | null;
  timeline: string;
  next: string;
  kind: string | null;
  key_hash: Buffer | null;
  client_id: string | null;
  epoch: string | null;
  xid: string | null;
  expires_at: string | null;
};

/**
 * Reads changes and the next cursor in one statement, so in one snapshot. Not from a replica: that fails.
 * @param cursor `next` of the read before; 0 for everything
 */
export const readRevocationChanges = async (connection: Queryable, cursor: bigint): Promise<RevocationChanges> => {
  const { rows } = await connection.query<Row>({
    name: 'read-revocation-changes',
    text: `
      WITH changed AS (
        SELECT kind, key_hash, NULL::text AS client_id, NULL::bigint AS epoch, xid,
               ceil(extract(epoch FROM expires_at))::bigint AS expires_at
          FROM token_store.revocations WHERE xid >= $1::xid8 AND expires_at > now()
        UNION ALL
        SELECT NULL, NULL, client_id, epoch, xid, NULL FROM token_store.client_epochs WHERE xid >= $1::xid8)
      SELECT moment.*, changed.*
        FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS next,
                     substring(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline,
                     (SELECT database_id FROM token_store.schema_version) AS database) AS moment
        LEFT JOIN changed ON true`,
    values: [String(cursor)],
  });
  const [first] = rows;
  if (first === undefined) throw new Error('unreachable: the moment is always a row');
  return {
    database: `${first.database ?? ''}:${first.timeline}`,
    next: BigInt(first.next),
    entries: rows.flatMap(({ kind, key_hash: keyHash, xid, expires_at: expiresAt }) =>
      kind && keyHash && xid && expiresAt ? [{ kind, keyHash, xid: BigInt(xid), expiresAt: Number(expiresAt) }] : [],
    ),
    clients: rows.flatMap(({ client_id: clientId, epoch, xid }) =>
      clientId && epoch && xid ? [{ clientId, epoch: Number(epoch), xid: BigInt(xid) }] : [],
    ),
  };
};

/** The channel on which token-stores tell each other to look. */
export const revocationChannel = 'token_store_revocations';

/** Tells every token-store to look. After the commit: inside of a transaction it would make commits wait for each other. */
export const notifyRevocations = async (connection: Queryable): Promise<void> => {
  await connection.query({ name: 'notify-revocations', text: `SELECT pg_notify('${revocationChannel}', '')` });
};
