import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { databaseErrorCode, isDatabaseUnavailable } from './postgres-errors.ts';
import { createPostgresPool, type PostgresLimits, type PostgresPool } from './postgres-pool.ts';
import { createCertificateAuthority } from './testing/certificate-authority.ts';
import { startPostgres, type TestPostgres } from './testing/postgres.ts';

const logger = pino({ level: 'silent' });
const shortLimits: PostgresLimits = {
  connectMilliseconds: 500,
  statementMilliseconds: 1000,
  lockMilliseconds: 200,
  idleInTransactionMilliseconds: 1000,
};
let server: TestPostgres;
let directory: string;
let caFile: string;
const ended = new AbortController();
const pools: PostgresPool[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'postgres-pool-test-'));
  const authority = await createCertificateAuthority();
  const { cert, key } = await authority.issueServer(['127.0.0.1']);
  server = await startPostgres({ tls: { certificate: cert, key } });
  caFile = join(directory, 'ca.crt');
  writeFileSync(caFile, authority.ca);
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
});
afterAll(async () => {
  ended.abort();
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const poolFor = async (
  url: string,
  options: { trusted?: boolean; maxConnections?: number; trustDirectory?: string } = {},
) => {
  const folder = mkdtempSync(join(directory, 'url-'));
  const urlFile = join(folder, 'url');
  writeFileSync(urlFile, url);
  const pool = await createPostgresPool(
    {
      urlFile,
      maxConnections: options.maxConnections ?? 4,
      trustDirectory: options.trustDirectory,
      ...(options.trusted === false ? {} : { caFile }),
    },
    logger,
    { signal: ended.signal, limits: shortLimits, schema: 'auth' },
  );
  pools.push(pool);
  return { pool, urlFile };
};
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('TLS', () => {
  it('is used and verified though the URL does not ask for it', async () => {
    const { pool } = await poolFor(server.url);
    const { rows } = await pool.query<{ ssl: boolean }>({
      text: 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    });
    expect(rows).toEqual([{ ssl: true }]);
  });

  it('refuses a certificate of another CA, and one for another name', async () => {
    expect(await (await poolFor(server.url, { trusted: false })).pool.probe()).toMatch(/CERT|UNABLE_TO/);
    expect(await (await poolFor(server.url.replace('127.0.0.1', 'localhost'))).pool.probe()).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    expect(await (await poolFor(`${server.url}?sslmode=no-verify`, { trusted: false })).pool.probe()).toBeUndefined();
  });
});

describe('trust bundles', () => {
  it('are trusted beside the system, and followed while the pool is open', async () => {
    const trustDirectory = mkdtempSync(join(directory, 'trust-'));
    const other = await createCertificateAuthority();
    writeFileSync(join(trustDirectory, 'bundle-0.pem'), other.ca);
    const { pool } = await poolFor(server.url, { trusted: false, trustDirectory });
    expect(await pool.probe()).toMatch(/CERT|UNABLE_TO/);
    writeFileSync(join(trustDirectory, 'bundle-0.pem'), `${other.ca}\n${readFileSync(caFile, 'utf8')}`);
    await vi.waitFor(async () => expect(await pool.probe()).toBeUndefined(), { timeout: 15_000 });
    writeFileSync(join(trustDirectory, 'bundle-0.pem'), other.ca);
    await vi.waitFor(async () => expect(await pool.probe()).toMatch(/CERT|UNABLE_TO/), { timeout: 15_000 });
  });
});

describe('the right database', () => {
  const idUrl = (id: string) => `${server.url}?database_id=${id}`;
  const owner = async (...statements: string[]) => {
    const client = new pg.Client({ connectionString: server.url, ssl: { rejectUnauthorized: false } });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  };

  it('is the one with the id of the URL; no other one is worked with, and this too is followed', async () => {
    const { pool, urlFile } = await poolFor(idUrl('one'));
    const empty = await failure(pool.query({ text: 'SELECT 1' }));
    expect(databaseErrorCode(empty)).toBe('DATABASE_CHANGED');
    expect(isDatabaseUnavailable(empty)).toBe(true);
    await owner(
      'CREATE SCHEMA auth',
      'CREATE TABLE auth.schema_version (database_id text)',
      "INSERT INTO auth.schema_version VALUES ('two')",
    );
    expect(await pool.probe()).toBe('DATABASE_CHANGED');
    expect(pool.usage()).toMatchObject({ total: 0, waiting: 0 });
    writeFileSync(urlFile, idUrl('two'));
    await vi.waitFor(async () => expect(await pool.probe()).toBeUndefined(), { timeout: 15_000 });
  });

  it('is asked for at every new connection', async () => {
    const { pool } = await poolFor(idUrl('two'), { maxConnections: 1 });
    expect(await pool.probe()).toBeUndefined();
    await owner(
      "UPDATE auth.schema_version SET database_id = 'three'",
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'identity-operator' AND pid <> pg_backend_pid()`,
    );
    await vi.waitFor(async () => expect(await pool.probe()).toBe('DATABASE_CHANGED'), { timeout: 5_000 });
    await owner('DROP SCHEMA auth CASCADE');
  });
});

describe('limits', () => {
  it('end a statement, a wait for a lock, and a wait for a connection', async () => {
    const { pool } = await poolFor(server.url, { maxConnections: 1 });
    const tooLong = await failure(pool.query({ text: 'SELECT pg_sleep(5)' }));
    expect(databaseErrorCode(tooLong)).toBe('57014');
    expect(isDatabaseUnavailable(tooLong)).toBe(true);
    await pool.query({ text: 'CREATE TABLE IF NOT EXISTS held (id int); ' });
    await pool.transaction(async (connection) => {
      await connection.query({ text: 'LOCK TABLE held' });
      const other = await poolFor(server.url);
      expect(databaseErrorCode(await failure(other.pool.query({ text: 'SELECT * FROM held' })))).toBe('55P03');
      const waited = await failure(pool.query({ text: 'SELECT 1' }));
      expect(databaseErrorCode(waited)).toBe('CONNECT_TIMEOUT');
      expect(isDatabaseUnavailable(waited)).toBe(true);
    });
    expect(await pool.probe()).toBeUndefined();
  });

  it('refuse at once when the queue is longer than what can be served', async () => {
    const { pool } = await poolFor(server.url, { maxConnections: 1 });
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, () => pool.query({ text: 'SELECT pg_sleep(0.01)' })),
    );
    const codes = results.flatMap((result) => (result.status === 'rejected' ? [databaseErrorCode(result.reason)] : []));
    expect(codes.length).toBeGreaterThan(0);
    expect(new Set(codes)).toEqual(new Set(['POOL_EXHAUSTED']));
  });
});

describe('transactions', () => {
  it('keep all or nothing', async () => {
    const { pool } = await poolFor(server.url);
    await pool.query({ text: 'CREATE TABLE kept (id int PRIMARY KEY)' });
    const insert = (id: number) => ({ text: 'INSERT INTO kept VALUES ($1)', values: [id] });
    await pool.transaction((connection) => connection.query(insert(1)));
    await failure(
      pool.transaction(async (connection) => {
        await connection.query(insert(2));
        await connection.query(insert(1));
      }),
    );
    await pool.transaction(
      (connection) => connection.query(insert(3)),
      () => false,
    );
    const { rows } = await pool.query({ text: 'SELECT id FROM kept' });
    expect(rows).toEqual([{ id: 1 }]);
    expect(pool.usage().waiting).toBe(0);
  });
});

describe('change', () => {
  it('of the password is followed without a restart', async () => {
    const owner = new pg.Client({ connectionString: server.url, ssl: { rejectUnauthorized: false } });
    await owner.connect();
    await owner.query(`CREATE ROLE rotated LOGIN PASSWORD 'before'`);
    const url = server.url.replace('postgres:postgres@', 'rotated:before@');
    const { pool, urlFile } = await poolFor(url);
    expect(await pool.probe()).toBeUndefined();
    await owner.query(`ALTER ROLE rotated PASSWORD 'after'`);
    await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'`);
    await owner.end();
    await vi.waitFor(async () => expect(await pool.probe()).toBe('28P01'), { timeout: 5000 });
    writeFileSync(urlFile, 'nonsense');
    writeFileSync(urlFile, url.replace(':before@', ':after@'));
    await vi.waitFor(async () => expect(await pool.probe()).toBeUndefined(), { timeout: 15_000 });
  });

  it('of the server, by a crash, costs errors that say unavailable, and no more', async () => {
    const { pool } = await poolFor(server.url);
    await pool.probe();
    const hanging = failure(pool.transaction((connection) => connection.query({ text: 'SELECT pg_sleep(0.9)' })));
    await server.kill();
    expect(isDatabaseUnavailable(await hanging)).toBe(true);
    expect(isDatabaseUnavailable(await failure(pool.query({ text: 'SELECT 1' })))).toBe(true);
    await server.restart();
    await vi.waitFor(async () => expect(await pool.probe()).toBeUndefined(), { timeout: 15_000 });
  });
});
