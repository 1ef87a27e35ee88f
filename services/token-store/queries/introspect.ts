import type { Queryable } from '../../shared/postgres-pool.ts';

/** What a JWT names, by the keys of its rows; null for what it does not name. */
export interface IntrospectedHashes {
  readonly revocation: Buffer;
  readonly grant: Buffer | null;
  readonly sessionUid: Buffer | null;
}

/** Is everything alive that the token names, and the token itself not revoked? One SELECT. */
export const isActive = async (
  connection: Queryable,
  { revocation, grant, sessionUid }: IntrospectedHashes,
): Promise<boolean> => {
  const { rows } = await connection.query<{ active: boolean }>({
    name: 'introspect',
    text: `
      SELECT NOT EXISTS (SELECT 1 FROM token_store.one_time_ids WHERE id_hash = $1 AND expires_at > now())
         AND ($2::bytea IS NULL OR EXISTS (
               SELECT 1 FROM token_store.grants
                WHERE id_hash = $2 AND revoked_at IS NULL AND expires_at > now()))
         AND ($3::bytea IS NULL OR EXISTS (
               SELECT 1 FROM token_store.sessions WHERE uid_hash = $3 AND expires_at > now())) AS active`,
    values: [revocation, grant, sessionUid],
  });
  return rows[0]?.active === true;
};
