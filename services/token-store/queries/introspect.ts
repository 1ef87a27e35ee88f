import type { Queryable } from '../../shared/postgres-pool.ts';

/** What a JWT names, by the keys of its rows; null for what it does not name. */
export interface IntrospectedToken {
  readonly tokenHash: Buffer;
  readonly grantHash: Buffer | null;
  readonly sessionUidHash: Buffer | null;
  readonly clientId: string;
  readonly clientEpoch: number;
}

/** Is everything alive that the token names, and the token itself not revoked? One SELECT. */
export const isActive = async (
  connection: Queryable,
  { tokenHash, grantHash, sessionUidHash, clientId, clientEpoch }: IntrospectedToken,
): Promise<boolean> => {
  const { rows } = await connection.query<{ active: boolean }>({
    name: 'introspect',
    text: `
      SELECT NOT EXISTS (SELECT 1 FROM token_store.revocations
                          WHERE kind = 'token' AND key_hash = $1 AND expires_at > now())
         AND ($2::bytea IS NULL OR EXISTS (SELECT 1 FROM token_store.living_grants WHERE id_hash = $2))
         AND ($3::bytea IS NULL OR EXISTS (SELECT 1 FROM token_store.living_sessions WHERE uid_hash = $3))
         AND NOT EXISTS (SELECT 1 FROM token_store.client_epochs WHERE client_id = $4 AND epoch > $5) AS active`,
    values: [tokenHash, grantHash, sessionUidHash, clientId, clientEpoch],
  });
  return rows[0]?.active === true;
};
