import { z } from 'zod';
import { type ClientRegistration, clientRegistrationSchema } from '../../shared/contracts/client-registration.ts';
import type { PostgresPool, Queryable } from '../../shared/postgres-pool.ts';

export type ClientRepository = {
  /** The registry's revision; it grows with every change of any client. */
  readRevision(): Promise<number>;
  /** All clients with the revision that they are of. */
  readAll(): Promise<{ revision: number; clients: ClientRegistration[] }>;
  /** Writes the client unless it is stored just so; the revision that contains it, either way. */
  put(registration: ClientRegistration): Promise<number>;
  /** Removes the client if it is there; the revision without it. */
  remove(clientId: string): Promise<number>;
};

// bigint columns come as strings.
const revisionSchema = z.object({ revision: z.coerce.number().int() });

const lockRevision = async (connection: Queryable): Promise<number> => {
  // One writer at a time, so that a revision never becomes visible before a lower one.
  const { rows } = await connection.query({
    name: 'client-registry-lock',
    text: 'SELECT revision FROM auth.client_registry FOR UPDATE',
  });
  return revisionSchema.parse(rows[0]).revision;
};

const writeRevision = async (connection: Queryable, revision: number): Promise<void> => {
  await connection.query({
    name: 'client-registry-write',
    text: 'UPDATE auth.client_registry SET revision = $1',
    values: [revision],
  });
};

export const createClientRepository = (database: PostgresPool): ClientRepository => ({
  readRevision: async () => {
    const { rows } = await database.query({
      name: 'client-registry-revision',
      text: 'SELECT revision FROM auth.client_registry',
    });
    return revisionSchema.parse(rows[0]).revision;
  },
  readAll: async () => {
    // One statement, so one snapshot: the clients are those of that revision.
    const { rows } = await database.query({
      name: 'client-registry-all',
      text: `SELECT revision, (SELECT coalesce(json_agg(registration), '[]') FROM auth.clients) AS clients
             FROM auth.client_registry`,
    });
    return revisionSchema.extend({ clients: z.array(clientRegistrationSchema) }).parse(rows[0]);
  },
  put: (registration) =>
    database.transaction(async (connection) => {
      const revision = (await lockRevision(connection)) + 1;
      const { rowCount } = await connection.query({
        name: 'client-put',
        text: `INSERT INTO auth.clients AS stored (client_id, registration, revision) VALUES ($1, $2::jsonb, $3)
               ON CONFLICT (client_id) DO UPDATE
               SET registration = excluded.registration, revision = excluded.revision, updated_at = now()
               WHERE stored.registration IS DISTINCT FROM excluded.registration`,
        values: [registration.clientId, JSON.stringify(registration), revision],
      });
      if (rowCount === 0) return revision - 1;
      await writeRevision(connection, revision);
      return revision;
    }),
  remove: (clientId) =>
    database.transaction(async (connection) => {
      const revision = (await lockRevision(connection)) + 1;
      const { rowCount } = await connection.query({
        name: 'client-remove',
        text: 'DELETE FROM auth.clients WHERE client_id = $1',
        values: [clientId],
      });
      if (rowCount === 0) return revision - 1;
      await writeRevision(connection, revision);
      return revision;
    }),
});
