import { basename } from 'node:path';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { SchemaMigration } from './migrations/registry.ts';

/** Schema of the table that remembers which steps ran; no service can read it. */
export const migrationsSchema = 'identity_operator';
const migrationsTable = 'schema_migrations';

/**
 * Runs the steps that the database does not have, all in one transaction, under node-pg-migrate's advisory lock. A
 * database that is ahead (a later version ran here) keeps what it has.
 * @param client connected, as the owner of the schemas
 * @returns names of the steps that ran now
 */
export const applySchemaMigrations = async (
  client: pg.Client,
  migrations: readonly SchemaMigration[],
  logger: Logger,
): Promise<string[]> => {
  const applied = await runner({
    dbClient: client,
    direction: 'up',
    migrationsSchema,
    migrationsTable,
    singleTransaction: true,
    advisoryLockMode: 'wait',
    checkOrder: false,
    ...onlyThisModule(),
    migrationLoaderStrategies: [
      {
        extensions: ['.ts', '.mjs', '.js'],
        loader: async () =>
          migrations.map(({ name, up }) => ({ id: name, filePaths: [], actions: { up, down: false } })),
      },
    ],
    // Its own events are prose with SQL inside; ours are written by the caller.
    logger: {
      info: () => undefined,
      warn: (message) => logger.warn({ message: String(message) }, 'node-pg-migrate warns'),
      error: () => undefined,
    },
  });
  return applied.map(({ name }) => name);
};

/**
 * node-pg-migrate wants files to load. It finds exactly one, this module (or the bundle it is in), and our loader gives
 * it the list above for it: one image, no migration files beside it.
 */
const onlyThisModule = (): { dir: string; ignorePattern: string } => {
  const file = basename(import.meta.filename).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return { dir: import.meta.dirname, ignorePattern: `(?!${file}$).*` };
};
