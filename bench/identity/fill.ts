import type pg from 'pg';

const perStatement = 50_000;

/**
 * People `from` to `to` - 1 with an account, a session, a grant and a living refresh token each, as rows that nobody can use:
 * keys as random as hashes are, payloads of the usual size. Indexes and caches do not know the difference.
 * @param client connected as the owner of the schemas
 */
export const fillPeople = async (client: pg.Client, from: number, to: number): Promise<void> => {
  const { rows } = await client.query<{ day: number }>(
    `SELECT floor(extract(epoch FROM now() + interval '1 hour') / 86400)::int AS day`,
  );
  const day = rows[0]?.day ?? 0;
  const key = (kind: string): string => `sha256(('${kind}' || number)::bytea)`;
  // Three hashes of 32 bytes are as dense as ciphertext.
  const payload = `decode(repeat(encode(sha256(number::text::bytea), 'hex'), 10), 'hex')`;
  for (let first = from; first < to; first += perStatement) {
    const numbers = `generate_series(${first}, ${Math.min(first + perStatement, to) - 1}) AS number`;
    await client.query(`
      INSERT INTO auth.accounts (id, email, email_normalized, name, password_hash, pending)
      SELECT 'filled-' || number, 'filled-' || number || '@example.test', 'filled-' || number || '@example.test',
             'Person', 'none', false FROM ${numbers};
      INSERT INTO token_store.grants (id_hash, subject, client_id, payload, expires_at)
      SELECT ${key('grant')}, 'filled-' || number, 'shop', ${payload}, now() + interval '1 hour' FROM ${numbers};
      INSERT INTO token_store.sessions (id_hash, uid_hash, subject, payload, expires_at)
      SELECT ${key('session')}, ${key('uid')}, 'filled-' || number, ${payload}, now() + interval '1 hour' FROM ${numbers};
      INSERT INTO token_store.tokens (day, id_hash, kind, grant_hash, subject, client_id, payload, expires_at)
      SELECT ${day}, ${key('token')}, 'refresh_token', ${key('grant')}, 'filled-' || number, 'shop', ${payload},
             now() + interval '1 hour' FROM ${numbers};`);
  }
  await client.query('ANALYZE');
};
