import type pg from 'pg';
import type { DatabaseIdentity } from './database-identity.ts';
import { migrationsSchema } from './schema-migrations.ts';

const identityTable = `${migrationsSchema}.database_identity`;
const keysTable = `${migrationsSchema}.data_encryption_keys`;

const exists = async (client: pg.Client, table: string): Promise<boolean> => {
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [table]);
  return rows[0]?.there ?? false;
};

/** What the database says of itself; makes nothing. */
export const readDatabaseIdentity = async (client: pg.Client): Promise<DatabaseIdentity> => {
  const keys = (await exists(client, keysTable))
    ? (await client.query<{ id: string; fingerprint: string }>(`SELECT id, fingerprint FROM ${keysTable} ORDER BY id`))
        .rows
    : [];
  if (!(await exists(client, identityTable))) return { keys };
  const { rows } = await client.query<{ id: string; replaces: string | null }>(
    `SELECT id, replaces FROM ${identityTable}`,
  );
  const [row] = rows;
  if (row === undefined) return { keys };
  return { id: row.id, ...(row.replaces === null ? {} : { replaces: row.replaces }), keys };
};

/**
 * Gives the database its id, once and for ever. After the migrations: one without an id counts as empty, so that a run
 * that was cut off can be repeated.
 * @param replaces the id that the tenant remembers, where this database takes the place of another.
 * @returns the id that it has.
 */
export const ensureDatabaseId = async (
  client: pg.Client,
  newId: () => string,
  replaces: string | undefined,
): Promise<string> => {
  await client.query(`CREATE TABLE IF NOT EXISTS ${identityTable} (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id text NOT NULL,
    replaces text,
    created_at timestamptz NOT NULL DEFAULT now()
  )`);
  await client.query(`INSERT INTO ${identityTable} (id, replaces) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [
    newId(),
    replaces ?? null,
  ]);
  const { rows } = await client.query<{ id: string }>(`SELECT id FROM ${identityTable}`);
  const [row] = rows;
  if (row === undefined) throw new Error('unreachable: the row was made a statement ago');
  return row.id;
};

/** Remembers the keys that data may be sealed with from now on. */
export const recordDataEncryptionKeys = async (client: pg.Client, keys: DatabaseIdentity['keys']): Promise<void> => {
  await client.query(`CREATE TABLE IF NOT EXISTS ${keysTable} (
    id text PRIMARY KEY,
    fingerprint text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
  )`);
  for (const { id, fingerprint } of keys) {
    await client.query(`INSERT INTO ${keysTable} (id, fingerprint) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [
      id,
      fingerprint,
    ]);
  }
};
