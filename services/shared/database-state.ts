import type { InternalState } from './contracts/internal-state.ts';
import { databaseErrorCode } from './postgres-errors.ts';
import type { PostgresPoolOptions, Queryable } from './postgres-pool.ts';

/** What a service says of its database in `/internal/state`, by what migrate left in the schema of its own. */
export const observeDatabase = async (
  connection: Queryable,
  schema: PostgresPoolOptions['schema'],
): Promise<NonNullable<InternalState['database']>> => {
  try {
    const { rows } = await connection.query<{ version: string; id: string | null }>({
      name: 'database-state',
      text: `SELECT version, database_id AS id FROM ${schema}.schema_version`,
    });
    const [row] = rows;
    return {
      reachable: true,
      ...(row === undefined ? {} : { schemaVersion: row.version }),
      ...(row?.id ? { id: row.id } : {}),
    };
  } catch (error) {
    return { reachable: false, error: databaseErrorCode(error) };
  }
};
