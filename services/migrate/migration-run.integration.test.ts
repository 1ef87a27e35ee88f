import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type TestPostgres } from '../shared/testing/postgres.ts';
import { runMigration } from './migration-run.ts';
import { schemaMigrations } from './migrations/registry.ts';
import type { MigrateSettings } from './settings.ts';

const logger = pino({ level: 'silent' });
const latest = schemaMigrations.at(-1)?.name;
let server: TestPostgres;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'migrate-test-'));
  server = await startPostgres();
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Settings for an empty database of the given name, with roles of its own, since roles belong to the whole server. */
const settingsFor = async (name: string, url?: string): Promise<MigrateSettings> => {
  const file = async (suffix: string, content: string) => {
    const path = join(directory, `${name}-${suffix}`);
    await writeFile(path, content);
    return path;
  };
  return {
    tenant: 'customers',
    namespace: 'identity',
    database: { urlFile: await file('url', url ?? (await server.createDatabase(name))) },
    roles: {
      auth: { name: `${name}_auth`, passwordFile: await file('auth', `${name} auth's "secret"\n`) },
      tokenStore: { name: `${name}_token-store`, passwordFile: await file('store', `${name} store's secret`) },
    },
  };
};

type OwnRole = { readonly name: string; readonly passwordFile: string };
const ownRole = ({ roles }: MigrateSettings, role: 'auth' | 'tokenStore') => roles[role] as OwnRole;

const connectAs = async (settings: MigrateSettings, role: 'auth' | 'tokenStore'): Promise<pg.Client> => {
  const url = new URL(await readFile(settings.database.urlFile, 'utf8'));
  const { name, passwordFile } = ownRole(settings, role);
  const client = new pg.Client({
    host: url.hostname,
    port: Number(url.port),
    database: url.pathname.slice(1),
    user: name,
    password: (await readFile(passwordFile, 'utf8')).trim(),
    ssl: false,
  });
  await client.connect();
  return client;
};

describe('migrate', () => {
  it('applies everything once, and the second run changes nothing', async () => {
    const settings = await settingsFor('twice');
    const migrated = { outcome: 'migrated', schemaVersion: latest, databaseId: 'first' };
    expect(await runMigration(settings, { logger, newDatabaseId: () => 'first' })).toEqual({
      ...migrated,
      applied: schemaMigrations.map(({ name }) => name),
    });
    expect(await runMigration(settings, { logger, newDatabaseId: () => 'second' })).toEqual({
      ...migrated,
      applied: [],
    });
  });

  it('lets two runs at once both end well', async () => {
    const settings = await settingsFor('together');
    const reports = await Promise.all([runMigration(settings, { logger }), runMigration(settings, { logger })]);
    expect(reports.map(({ outcome }) => outcome)).toEqual(['migrated', 'migrated']);
    expect(reports.flatMap((report) => (report.outcome === 'migrated' ? report.applied : []))).toEqual(
      schemaMigrations.map(({ name }) => name),
    );
  });

  it('gives each role the rows of its own schema and nothing else', async () => {
    const settings = await settingsFor('roles');
    await runMigration(settings, { logger });
    const auth = await connectAs(settings, 'auth');
    const store = await connectAs(settings, 'tokenStore');
    const refused = { code: '42501' };
    try {
      await auth.query(`INSERT INTO auth.accounts (id, email, email_normalized) VALUES ('1', 'A@b', 'a@b')`);
      await store.query('DELETE FROM token_store.grants');
      expect((await store.query('SELECT version FROM token_store.schema_version')).rows).toEqual([{ version: latest }]);
      await expect(auth.query('SELECT * FROM token_store.grants')).rejects.toMatchObject(refused);
      await expect(store.query('SELECT * FROM auth.accounts')).rejects.toMatchObject(refused);
      await expect(auth.query('CREATE TABLE auth.mine (id int)')).rejects.toMatchObject(refused);
      await expect(auth.query('CREATE TABLE public.mine (id int)')).rejects.toMatchObject(refused);
      await expect(auth.query('DROP TABLE auth.accounts')).rejects.toMatchObject(refused);
      await expect(store.query('TRUNCATE token_store.grants')).rejects.toMatchObject(refused);
      await expect(store.query(`UPDATE token_store.schema_version SET version = ''`)).rejects.toMatchObject(refused);
      await expect(store.query('SELECT * FROM identity_operator.schema_migrations')).rejects.toMatchObject(refused);
    } finally {
      await auth.end();
      await store.end();
    }
  });

  it('needs no superuser: owning the database and making roles is enough', async () => {
    const superuser = new pg.Client({ connectionString: server.url });
    await superuser.connect();
    await superuser.query(`CREATE ROLE landlord LOGIN CREATEROLE PASSWORD 'landlord'`);
    await superuser.query('CREATE DATABASE owned OWNER landlord');
    await superuser.end();
    const url = new URL(server.url);
    url.username = 'landlord';
    url.password = 'landlord';
    url.pathname = '/owned';
    const settings = await settingsFor('owned', url.href);
    expect(await runMigration(settings, { logger })).toMatchObject({ outcome: 'migrated' });
    expect(await runMigration(settings, { logger })).toMatchObject({ outcome: 'migrated', applied: [] });
    const store = await connectAs(settings, 'tokenStore');
    await store.query('SELECT 1 FROM token_store.grants').finally(() => store.end());
  });

  it('sets a changed password on the next run', async () => {
    const settings = await settingsFor('password');
    await runMigration(settings, { logger });
    const before = await connectAs(settings, 'auth');
    await before.end();
    await writeFile(ownRole(settings, 'auth').passwordFile, 'another one');
    await expect(connectAs(settings, 'auth')).rejects.toMatchObject({ code: '28P01' });
    await runMigration(settings, { logger });
    const after = await connectAs(settings, 'auth');
    await after.end();
  });

  it('keeps passwords out of the log of a server that logs every statement', async () => {
    const settings = await settingsFor('quiet');
    const owner = new pg.Client({ connectionString: server.url });
    await owner.connect();
    await owner.query(`ALTER DATABASE quiet SET log_statement = 'all'`);
    await owner.end();
    await runMigration(settings, { logger });
    const log = await server.log();
    expect(log).toContain('ALTER ROLE "quiet_auth"');
    expect(log).not.toContain('secret"');
    expect(log).not.toContain('quiet store');
  });

  it('says which of its neighbours can help', async () => {
    const wrongPassword = await settingsFor('wrong', server.url.replace(':postgres@', ':guess@'));
    expect(await runMigration(wrongPassword, { logger })).toEqual({
      outcome: 'failed',
      reason: 'AuthenticationFailed',
      code: '28P01',
    });
    const nobodyThere = await settingsFor('away', 'postgres://a:b@127.0.0.1:1/c?sslmode=disable');
    expect(await runMigration(nobodyThere, { logger, patienceMilliseconds: 0 })).toEqual({
      outcome: 'failed',
      reason: 'DatabaseUnreachable',
      code: 'ECONNREFUSED',
    });
    const unencrypted = await settingsFor('plain', server.url.replace('?sslmode=disable', ''));
    expect(await runMigration(unencrypted, { logger, patienceMilliseconds: 0 })).toMatchObject({
      reason: 'DatabaseUnreachable',
      code: 'TLS_NOT_SUPPORTED',
    });
    const settings = await settingsFor('limited');
    await runMigration(settings, { logger });
    const url = new URL(await readFile(settings.database.urlFile, 'utf8'));
    url.username = 'limited_auth';
    url.password = encodeURIComponent(`limited auth's "secret"`);
    await writeFile(settings.database.urlFile, url.href);
    expect(await runMigration(settings, { logger })).toMatchObject({ reason: 'PermissionDenied', code: '42501' });
  });

  describe('in a database of somebody else', () => {
    const asSuperuser = async (database: string, ...statements: string[]): Promise<void> => {
      const client = new pg.Client({ connectionString: server.url.replace('/postgres?', `/${database}?`) });
      await client.connect();
      for (const statement of statements) await client.query(statement);
      await client.end();
    };
    const urlAs = (user: string, database: string): string => {
      const url = new URL(server.url);
      url.username = user;
      url.password = user;
      url.pathname = `/${database}`;
      return url.href;
    };

    it('says that the services share the role of an owner who may make no others', async () => {
      await asSuperuser(
        'postgres',
        `CREATE ROLE tenant LOGIN PASSWORD 'tenant'`,
        'CREATE DATABASE rented OWNER tenant',
      );
      const settings = await settingsFor('rented', urlAs('tenant', 'rented'));
      expect(await runMigration(settings, { logger })).toMatchObject({ outcome: 'migrated', sharedRole: true });
      expect(await runMigration(settings, { logger })).toMatchObject({ applied: [], sharedRole: true });
    });

    it('takes the roles of the user as they are, and gives them their rights', async () => {
      await asSuperuser(
        'postgres',
        `CREATE ROLE given_owner LOGIN PASSWORD 'given_owner'`,
        `CREATE ROLE given_auth LOGIN PASSWORD 'given_auth'`,
        'CREATE DATABASE given OWNER given_owner',
      );
      const file = async (name: string, content: string) => {
        const path = join(directory, name);
        await writeFile(path, content);
        return { urlFile: path };
      };
      const settings: MigrateSettings = {
        ...(await settingsFor('given', urlAs('given_owner', 'given'))),
        roles: {
          auth: await file('given-auth-url', urlAs('given_auth', 'given')),
          tokenStore: await file('given-store-url', urlAs('given_store', 'given')),
        },
      };
      expect(await runMigration(settings, { logger })).toMatchObject({ outcome: 'failed', reason: 'RoleMissing' });
      await asSuperuser('postgres', `CREATE ROLE given_store LOGIN PASSWORD 'given_store'`);
      const report = await runMigration(settings, { logger });
      expect(report).toMatchObject({ outcome: 'migrated' });
      expect(report).not.toHaveProperty('sharedRole');
      const store = new pg.Client({ connectionString: urlAs('given_store', 'given') });
      await store.connect();
      try {
        await store.query('DELETE FROM token_store.grants');
        await expect(store.query('SELECT * FROM auth.accounts')).rejects.toMatchObject({ code: '42501' });
      } finally {
        await store.end();
      }
    });

    it('works with the role of the owner in all three URLs', async () => {
      // No superuser: nobody can take rights from one.
      await asSuperuser(
        'postgres',
        `CREATE ROLE one_role LOGIN PASSWORD 'one_role'`,
        'CREATE DATABASE one_role OWNER one_role',
      );
      const url = urlAs('one_role', 'one_role');
      const path = join(directory, 'one-role-url');
      await writeFile(path, url);
      const settings = {
        ...(await settingsFor('one_role', url)),
        roles: { auth: { urlFile: path }, tokenStore: { urlFile: path } },
      };
      expect(await runMigration(settings, { logger })).toMatchObject({ outcome: 'migrated' });
      expect(await runMigration(settings, { logger })).toMatchObject({ outcome: 'migrated', applied: [] });
    });
  });

  describe('in another database than the remembered one', () => {
    const expecting = async (name: string, expected: string, accept?: string): Promise<MigrateSettings> => {
      const expectedDatabaseFile = join(directory, `${name}-expected`);
      await writeFile(expectedDatabaseFile, `${expected}\n`);
      const acceptedDatabaseFile = join(directory, `${name}-accepted-${accept}`);
      if (accept !== undefined) await writeFile(acceptedDatabaseFile, accept);
      return {
        ...(await settingsFor(name, server.url.replace('/postgres?', `/${name}?`))),
        expectedDatabaseFile,
        acceptedDatabaseFile,
      };
    };
    const schemas = async (name: string): Promise<string[]> => {
      const client = new pg.Client({ connectionString: server.url.replace('/postgres?', `/${name}?`) });
      await client.connect();
      const { rows } = await client.query<{ nspname: string }>(
        `SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'`,
      );
      await client.end();
      return rows.map(({ nspname }) => nspname);
    };

    it('touches nothing until that one is accepted', async () => {
      await server.createDatabase('swapped');
      const changed = { outcome: 'failed', reason: 'DatabaseChanged', expected: 'lost', found: 'empty' };
      expect(await runMigration(await expecting('swapped', 'lost'), { logger })).toEqual(changed);
      expect(await schemas('swapped')).toEqual([]);
      const options = { logger, newDatabaseId: () => 'new' };
      expect(await runMigration(await expecting('swapped', 'lost', 'empty'), options)).toMatchObject({
        outcome: 'migrated',
        databaseId: 'new',
      });
      // The report may be lost with its node: the same run again ends the same way.
      expect(await runMigration(await expecting('swapped', 'lost', 'empty'), options)).toMatchObject({
        databaseId: 'new',
      });
      expect(await runMigration(await expecting('swapped', 'lost'), options)).toMatchObject({ found: 'new' });
      expect(await runMigration(await expecting('swapped', 'other', 'new'), options)).toMatchObject({
        databaseId: 'new',
      });
    });

    it('remembers nothing where the file is not there', async () => {
      const settings = await settingsFor('fresh');
      const expectedDatabaseFile = join(directory, 'no-such-file');
      expect(await runMigration({ ...settings, expectedDatabaseFile }, { logger })).toMatchObject({
        outcome: 'migrated',
      });
    });

    it('names the key that data is sealed with, when it is missing or another', async () => {
      const settings = await settingsFor('sealed');
      const keyed = (...dataEncryptionKeys: { id: string; fingerprint: string }[]) =>
        runMigration({ ...settings, dataEncryptionKeys }, { logger });
      expect(await keyed({ id: '1', fingerprint: 'one' })).toMatchObject({ outcome: 'migrated' });
      expect(await keyed({ id: '1', fingerprint: 'other' })).toEqual({
        outcome: 'failed',
        reason: 'EncryptionKeyChanged',
        keyId: '1',
      });
      expect(await keyed({ id: '2', fingerprint: 'two' })).toMatchObject({ reason: 'EncryptionKeyMissing' });
      expect(await keyed({ id: '1', fingerprint: 'one' }, { id: '2', fingerprint: 'two' })).toMatchObject({
        outcome: 'migrated',
      });
    });

    it('tells each service which database it is', async () => {
      const settings = await settingsFor('named');
      await runMigration(settings, { logger, newDatabaseId: () => 'named-id' });
      for (const [role, schema] of [['auth', 'auth'] as const, ['tokenStore', 'token_store'] as const]) {
        const client = await connectAs(settings, role);
        const { rows } = await client.query(`SELECT database_id FROM ${schema}.schema_version`);
        await client.end();
        expect(rows).toEqual([{ database_id: 'named-id' }]);
      }
    });

    it('gives an id to a database of a version that wrote none', async () => {
      const settings = await settingsFor('older');
      await runMigration(settings, { logger });
      await (async () => {
        const client = new pg.Client({ connectionString: server.url.replace('/postgres?', '/older?') });
        await client.connect();
        await client.query('DROP TABLE identity_operator.database_identity');
        await client.query('ALTER TABLE auth.schema_version DROP COLUMN database_id');
        await client.end();
      })();
      expect(await runMigration(settings, { logger, newDatabaseId: () => 'given' })).toMatchObject({
        applied: [],
        databaseId: 'given',
      });
    });
  });

  it('leaves nothing of a run that failed half way', async () => {
    const settings = await settingsFor('broken');
    const broken = { name: '0003_broken', up: (builder: { sql(text: string): void }) => builder.sql('SELECT 1/0') };
    const report = await runMigration(settings, { logger, migrations: [...schemaMigrations, broken] });
    expect(report).toEqual({ outcome: 'failed', reason: 'MigrationFailed', code: '22012' });
    expect(await runMigration(settings, { logger })).toMatchObject({
      applied: schemaMigrations.map(({ name }) => name),
    });
  });
});
