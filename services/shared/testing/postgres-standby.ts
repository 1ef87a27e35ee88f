import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { eventually } from './condition.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';

/** A second PostgreSQL that follows a primary by streaming replication, asynchronously, and can take its place. */
export interface TestStandby extends Omit<TestPostgres, 'createDatabase'> {
  /** Waits until it shows everything that the primary had committed when this was called. */
  catchUp(): Promise<void>;
  /** Makes it a primary, on a timeline of its own. */
  promote(): Promise<void>;
}

/**
 * Starts a standby from a cold copy of the primary, which is away for a moment.
 * @param primary without TLS
 */
export const startStandby = async (primary: TestPostgres): Promise<TestStandby> => {
  const directory = await mkdtemp(join(tmpdir(), 'identity-standby-'));
  const data = join(directory, 'data');
  await primary.pause();
  // With its owner, which Node's own `cp` does not keep.
  await promisify(execFile)('cp', ['-a', join(primary.directory, 'data'), data]);
  await primary.restart();
  const { username, password, hostname, port } = new URL(primary.url);
  await rm(join(data, 'postmaster.pid'), { force: true });
  await writeFile(join(data, 'standby.signal'), '');
  await appendFile(
    join(data, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${hostname} port=${port} user=${username} password=${password}'\n`,
  );
  const standby = await startPostgres({ dataDirectory: directory });
  const ask = async (url: string, text: string): Promise<string> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const { rows } = await client.query<{ answer: string }>(`SELECT (${text})::text AS answer`);
      return rows[0]?.answer ?? '';
    } finally {
      await client.end();
    }
  };
  return {
    ...standby,
    directory,
    catchUp: async () => {
      const written = await ask(primary.url, 'pg_current_wal_flush_lsn()');
      await eventually(
        async () => (await ask(standby.url, `pg_last_wal_replay_lsn() >= '${written}'::pg_lsn`)) === 'true',
      );
    },
    promote: async () => {
      await ask(standby.url, 'pg_promote(true, 20)');
    },
    stop: async () => {
      await standby.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
