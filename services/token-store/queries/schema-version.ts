import type { Queryable } from '../../shared/postgres-pool.ts';

/** Name of the last migration that ran, as migrate left it in our own schema. */
export const readSchemaVersion = async (connection: Queryable): Promise<string | undefined> => {
  const { rows } = await connection.query<{ version: string }>({
    name: 'schema-version',
    text: 'SELECT version FROM token_store.schema_version',
  });
  return rows[0]?.version;
};
