import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { PG_MIGRATE_LOCK_ID } from 'node-pg-migrate';
import pg from 'pg';
import type { Logger } from 'pino';
import { emptyDatabase, type MigrationFailure, type MigrationReport } from '../shared/contracts/migration-report.ts';
import { parseDatabaseUrl, readDatabaseConnection } from '../shared/postgres-connection.ts';
import { databaseErrorCode, isDatabaseUnavailable } from '../shared/postgres-errors.ts';
import { type DatabaseExpectation, findIdentityFault } from './database-identity.ts';
import { ensureDatabaseId, readDatabaseIdentity, recordDataEncryptionKeys } from './identity-tables.ts';
import { type SchemaMigration, schemaMigrations } from './migrations/registry.ts';
import { applySchemaMigrations, migrationsSchema } from './schema-migrations.ts';
import { ensureServiceRoles, RoleMissingError, type ServiceRole } from './service-roles.ts';
import type { MigrateSettings, RoleSettings } from './settings.ts';

/** What a run takes from outside; tests give a shorter patience and a list of their own. */
export interface MigrationRunOptions {
  readonly logger: Logger;
  /** How long an unreachable database is tried again before the run fails, ms. */
  readonly patienceMilliseconds?: number;
  readonly migrations?: readonly SchemaMigration[];
  readonly newDatabaseId?: () => string;
}

const authenticationFailures = new Set(['28P01', '28000']);
const retryMilliseconds = 1000;
// A second run waits for the first one; longer than any migration of ours may hold the lock.
const lockMilliseconds = 120_000;

/**
 * Brings the database to the last schema of the list and its roles to the settings, if it is the one that the tenant
 * remembers; in another one nothing is touched. Safe to repeat and to run twice at once. Never throws: what went wrong
 * is in the report, by a code and never by a value.
 */
export const runMigration = async (
  settings: MigrateSettings,
  options: MigrationRunOptions,
): Promise<MigrationReport> => {
  const deadline = Date.now() + (options.patienceMilliseconds ?? 60_000);
  for (;;) {
    let report: MigrationReport;
    try {
      report = await migrateOnce(settings, options);
    } catch (error) {
      report = reportFailure(error);
    }
    if (report.outcome === 'migrated') return report;
    options.logger.error({ ...report }, 'migration failed');
    if (report.reason !== 'DatabaseUnreachable' || Date.now() + retryMilliseconds > deadline) return report;
    await delay(retryMilliseconds);
  }
};

/** Enough for a token-store to start with, which knows the lifetimes and makes the rest. */
const firstDaysOfTokens = 14;

const migrateOnce = async (settings: MigrateSettings, options: MigrationRunOptions): Promise<MigrationReport> => {
  const { migrations = schemaMigrations, newDatabaseId = randomUUID } = options;
  const roles = [await readRole(settings.roles.tokenStore, 'token_store'), await readRole(settings.roles.auth, 'auth')];
  const expectation = await readExpectation(settings);
  const { client: connection } = await readDatabaseConnection(settings.database);
  const client = new pg.Client({
    ...connection,
    connectionTimeoutMillis: 5000,
    lock_timeout: lockMilliseconds,
    application_name: 'identity-operator-migrate',
  });
  // The awaited statement tells of the loss too.
  client.on('error', () => undefined);
  await client.connect();
  try {
    // node-pg-migrate takes the same lock again, which one session may; so all else is guarded with it.
    await client.query('SELECT pg_advisory_lock($1)', [PG_MIGRATE_LOCK_ID]);
    const fault = findIdentityFault(await readDatabaseIdentity(client), expectation);
    if (fault !== undefined) return fault;
    for (const schema of [migrationsSchema, ...roles.map((role) => role.schema)]) {
      await ensureSchema(client, schema);
    }
    const applied = await applySchemaMigrations(client, migrations, options.logger);
    const { expected, accept } = expectation;
    const databaseId = await ensureDatabaseId(client, newDatabaseId, accept === emptyDatabase ? expected : undefined);
    const schemaVersion = lastName(migrations);
    for (const { schema } of roles) await writeSchemaVersion(client, schema, { schemaVersion, databaseId });
    await recordDataEncryptionKeys(client, expectation.keys);
    await client.query('SELECT token_store.ensure_token_partitions($1, $1 + 2)', [firstDaysOfTokens]);
    const sharedRole = (await ensureServiceRoles(client, roles)) === 'shared';
    return { outcome: 'migrated', schemaVersion, applied, databaseId, ...(sharedRole ? { sharedRole } : {}) };
  } finally {
    // Ends the lock too.
    await client.end().catch(() => undefined);
  }
};

const readTrimmed = async (file: string): Promise<string> => (await readFile(file, 'utf8')).trim();

const readRole = async (role: RoleSettings, schema: string): Promise<ServiceRole> => {
  if ('name' in role) return { name: role.name, password: await readTrimmed(role.passwordFile), schema };
  const { user = '' } = parseDatabaseUrl(await readTrimmed(role.urlFile)).client;
  return { name: user, schema };
};

const readExpectation = async (settings: MigrateSettings): Promise<DatabaseExpectation> => {
  const expected = await readOptional(settings.expectedDatabaseFile);
  const accept = await readOptional(settings.acceptedDatabaseFile);
  return {
    ...(expected === '' ? {} : { expected }),
    ...(accept === '' ? {} : { accept }),
    keys: settings.dataEncryptionKeys ?? [],
  };
};

/** Empty for a Secret without the entry. */
const readOptional = async (file: string | undefined): Promise<string> => {
  if (file === undefined) return '';
  try {
    return await readTrimmed(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
};

const ensureSchema = async (client: pg.Client, schema: string): Promise<void> => {
  // IF NOT EXISTS asks for CREATE on the database even when there is nothing to make.
  const { rowCount } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (rowCount === 0) await client.query(`CREATE SCHEMA ${client.escapeIdentifier(schema)}`);
  await client.query(`REVOKE ALL ON SCHEMA ${client.escapeIdentifier(schema)} FROM PUBLIC`);
};

/** Services read it from their own schema, the only one they can see. */
const writeSchemaVersion = async (
  client: pg.Client,
  schema: string,
  { schemaVersion, databaseId }: { readonly schemaVersion: string; readonly databaseId: string },
): Promise<void> => {
  const table = `${client.escapeIdentifier(schema)}.schema_version`;
  await client.query(`CREATE TABLE IF NOT EXISTS ${table} (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version text NOT NULL,
    migrated_at timestamptz NOT NULL DEFAULT now(),
    database_id text
  )`);
  await addDatabaseId(client, schema, table);
  // Names start with their number: a run of an older version never turns the clock back.
  await client.query(
    `INSERT INTO ${table} AS current (version, database_id) VALUES ($1, $2)
     ON CONFLICT (singleton) DO UPDATE SET version = EXCLUDED.version, migrated_at = now()
     WHERE current.version < EXCLUDED.version`,
    [schemaVersion, databaseId],
  );
  await client.query(`UPDATE ${table} SET database_id = $1 WHERE database_id IS DISTINCT FROM $1`, [databaseId]);
};

/** Tables of the first versions lack the column. ALTER locks readers out even when there is nothing to add. */
const addDatabaseId = async (client: pg.Client, schema: string, table: string): Promise<void> => {
  const { rowCount } = await client.query(
    `SELECT 1 FROM information_schema.columns
      WHERE table_schema = $1 AND table_name = 'schema_version' AND column_name = 'database_id'`,
    [schema],
  );
  if (rowCount === 0) await client.query(`ALTER TABLE ${table} ADD COLUMN database_id text`);
};

/** Sorts what went wrong by who can help: nobody (wait), the owner of the password, of the privileges, or us. */
const reportFailure = (error: unknown): MigrationFailure => {
  const code = databaseErrorCode(error);
  const outcome = 'failed';
  if (authenticationFailures.has(code)) return { outcome, reason: 'AuthenticationFailed', code };
  if (code === '42501') return { outcome, reason: 'PermissionDenied', code };
  if (error instanceof RoleMissingError) return { outcome, reason: 'RoleMissing', code };
  if (isDatabaseUnavailable(error)) return { outcome, reason: 'DatabaseUnreachable', code };
  return { outcome, reason: 'MigrationFailed', code };
};

const lastName = (migrations: readonly SchemaMigration[]): string => {
  return migrations.at(-1)?.name ?? '';
};
