import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { PG_MIGRATE_LOCK_ID } from 'node-pg-migrate';
import pg from 'pg';
import type { Logger } from 'pino';
import type { MigrationReport } from '../shared/contracts/migration-report.ts';
import { readDatabaseConnection } from '../shared/postgres-connection.ts';
import { databaseErrorCode, isDatabaseUnavailable } from '../shared/postgres-errors.ts';
import { type SchemaMigration, schemaMigrations } from './migrations/registry.ts';
import { applySchemaMigrations, migrationsSchema } from './schema-migrations.ts';
import { ensureServiceRoles } from './service-roles.ts';
import type { MigrateSettings } from './settings.ts';

/** What a run takes from outside; tests give a shorter patience and a list of their own. */
export interface MigrationRunOptions {
  readonly logger: Logger;
  /** How long an unreachable database is tried again before the run fails, ms. */
  readonly patienceMilliseconds?: number;
  readonly migrations?: readonly SchemaMigration[];
}

const authenticationFailures = new Set(['28P01', '28000']);
const retryMilliseconds = 1000;
// A second run waits for the first one; longer than any migration of ours may hold the lock.
const lockMilliseconds = 120_000;

/**
 * Brings the database to the last schema of the list and its roles to the settings. Safe to repeat and to run twice at
 * once. Never throws: what went wrong is in the report, by a code and never by a value.
 */
export const runMigration = async (
  settings: MigrateSettings,
  options: MigrationRunOptions,
): Promise<MigrationReport> => {
  const migrations = options.migrations ?? schemaMigrations;
  const deadline = Date.now() + (options.patienceMilliseconds ?? 60_000);
  for (;;) {
    try {
      const applied = await migrateOnce(settings, migrations, options.logger);
      return { outcome: 'migrated', schemaVersion: lastName(migrations), applied };
    } catch (error) {
      const report = reportFailure(error);
      options.logger.error({ ...report }, 'migration failed');
      if (report.reason !== 'DatabaseUnreachable' || Date.now() + retryMilliseconds > deadline) return report;
    }
    await delay(retryMilliseconds);
  }
};

const migrateOnce = async (
  settings: MigrateSettings,
  migrations: readonly SchemaMigration[],
  logger: Logger,
): Promise<string[]> => {
  const roles = await readRoles(settings);
  const client = new pg.Client({
    ...(await readDatabaseConnection(settings.database)),
    connectionTimeoutMillis: 5000,
    lock_timeout: lockMilliseconds,
    application_name: 'identity-operator-migrate',
  });
  // The awaited statement tells of the loss too.
  client.on('error', () => undefined);
  await client.connect();
  try {
    // node-pg-migrate takes the same lock again, which one session may; so roles and schemas are guarded with it.
    await client.query('SELECT pg_advisory_lock($1)', [PG_MIGRATE_LOCK_ID]);
    for (const schema of [migrationsSchema, ...roles.map((role) => role.schema)]) {
      await ensureSchema(client, schema);
    }
    const applied = await applySchemaMigrations(client, migrations, logger);
    for (const { schema } of roles) await writeSchemaVersion(client, schema, lastName(migrations));
    await ensureServiceRoles(client, roles);
    return applied;
  } finally {
    // Ends the lock too.
    await client.end().catch(() => undefined);
  }
};

const readRoles = async ({ roles }: MigrateSettings) => {
  const password = async (file: string) => (await readFile(file, 'utf8')).trim();
  return [
    { name: roles.tokenStore.name, password: await password(roles.tokenStore.passwordFile), schema: 'token_store' },
    { name: roles.auth.name, password: await password(roles.auth.passwordFile), schema: 'auth' },
  ];
};

const ensureSchema = async (client: pg.Client, schema: string): Promise<void> => {
  // IF NOT EXISTS asks for CREATE on the database even when there is nothing to make.
  const { rowCount } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (rowCount === 0) await client.query(`CREATE SCHEMA ${client.escapeIdentifier(schema)}`);
  await client.query(`REVOKE ALL ON SCHEMA ${client.escapeIdentifier(schema)} FROM PUBLIC`);
};

/** Services read it from their own schema, the only one they can see. */
const writeSchemaVersion = async (client: pg.Client, schema: string, version: string): Promise<void> => {
  const table = `${client.escapeIdentifier(schema)}.schema_version`;
  await client.query(`CREATE TABLE IF NOT EXISTS ${table} (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version text NOT NULL,
    migrated_at timestamptz NOT NULL DEFAULT now()
  )`);
  // Names start with their number: a run of an older version never turns the clock back.
  await client.query(
    `INSERT INTO ${table} AS current (version) VALUES ($1)
     ON CONFLICT (singleton) DO UPDATE SET version = EXCLUDED.version, migrated_at = now()
     WHERE current.version < EXCLUDED.version`,
    [version],
  );
};

/** Sorts what went wrong by who can help: nobody (wait), the owner of the password, of the privileges, or us. */
const reportFailure = (error: unknown): Extract<MigrationReport, { outcome: 'failed' }> => {
  const code = databaseErrorCode(error);
  const outcome = 'failed';
  if (authenticationFailures.has(code)) return { outcome, reason: 'AuthenticationFailed', code };
  if (code === '42501') return { outcome, reason: 'PermissionDenied', code };
  if (isDatabaseUnavailable(error)) return { outcome, reason: 'DatabaseUnreachable', code };
  return { outcome, reason: 'MigrationFailed', code };
};

const lastName = (migrations: readonly SchemaMigration[]): string => {
  return migrations.at(-1)?.name ?? '';
};
