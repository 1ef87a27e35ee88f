import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { databaseErrorCode } from '../shared/postgres-errors.ts';

/** A service's login: its role and the one schema that it may use. */
export interface ServiceRole {
  readonly name: string;
  /** Absent for a role of the user's, which is neither made nor changed. */
  readonly password?: string;
  readonly schema: string;
}

/** A role of the user's that the server does not have. */
export class RoleMissingError extends Error {
  override readonly name = 'RoleMissingError';
  readonly code = 'ROLE_MISSING';
}

const scramIterations = 4096;

/**
 * Makes the roles that are missing, sets their passwords, and gives each the rows of its own schema and nothing else:
 * no DDL, no other schema, nothing by way of PUBLIC. Idempotent; run it after the migrations, since it names tables.
 * @param client connected, as the owner of the schemas
 * @returns `shared` when the owner may not make roles: the services have to use its own.
 * @throws RoleMissingError
 */
export const ensureServiceRoles = async (
  client: pg.Client,
  roles: readonly ServiceRole[],
): Promise<'separate' | 'shared'> => {
  const { rows } = await client.query<{ database: string; owns: boolean; owner: string }>(
    `SELECT current_database() AS database, pg_has_role(datdba, 'MEMBER') AS owns, current_user AS owner
       FROM pg_database WHERE datname = current_database()`,
  );
  const [current] = rows;
  if (!current) throw new Error('no current database');
  const database = escapeIdentifier(current.database);
  // In a database of somebody else's these are not ours to change; schemas are, either way.
  if (current.owns) {
    await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC').catch(ignoreMissingSchema);
  }
  for (const role of roles) {
    // Rights taken from one's own role would be missed by the next migration.
    if (role.name === current.owner) continue;
    if (!(await ensureRole(client, role))) return 'shared';
    if (current.owns) await client.query(`GRANT CONNECT ON DATABASE ${database} TO ${escapeIdentifier(role.name)}`);
    await grantSchema(client, role);
  }
  return 'separate';
};

/** False when the owner may not make or change it. */
const ensureRole = async (client: pg.Client, role: ServiceRole): Promise<boolean> => {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role.name]);
  if (role.password === undefined) {
    if (rowCount === 0) throw new RoleMissingError('a role of a service is not there');
    return true;
  }
  const name = escapeIdentifier(role.name);
  // A verifier, not the password: the server may log statements.
  const verifier = scramVerifier(role.password, randomBytes(16));
  try {
    if (rowCount === 0) await client.query(`CREATE ROLE ${name} LOGIN NOINHERIT`);
    await client.query(`ALTER ROLE ${name} LOGIN PASSWORD ${escapeLiteral(verifier)}`);
    return true;
  } catch (error) {
    if (databaseErrorCode(error) === '42501') return false;
    throw error;
  }
};

const grantSchema = async (client: pg.Client, role: ServiceRole): Promise<void> => {
  const name = escapeIdentifier(role.name);
  const schema = escapeIdentifier(role.schema);
  await client.query(`REVOKE ALL ON SCHEMA ${schema} FROM PUBLIC`);
  await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${name}`);
  await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${name}`);
  // Partitions are made later, and are looked up by their names.
  await client.query(
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${name}`,
  );
  await client.query(`GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${name}`);
  await client.query(`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} TO ${name}`);
  await client.query(`REVOKE INSERT, UPDATE, DELETE ON ${schema}.schema_version FROM ${name}`);
};

/**
 * What PostgreSQL stores for a password (RFC 5803): `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
 * @param salt 16 random bytes
 */
const scramVerifier = (password: string, salt: Buffer): string => {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, scramIterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${scramIterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
};

const ignoreMissingSchema = (error: unknown): void => {
  if (!(error instanceof Error && 'code' in error && (error.code === '3F000' || error.code === '42501'))) throw error;
};
