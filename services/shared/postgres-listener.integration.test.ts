import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runPostgresListener } from './postgres-listener.ts';
import { startPostgres, type TestPostgres } from './testing/postgres.ts';

const soon = { timeout: 20_000, interval: 50 };
let server: TestPostgres;
let directory: string;

beforeAll(async () => {
  server = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), 'listener-test-'));
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

const notify = async (channel: string) => {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`SELECT pg_notify('${channel}', '')`).finally(() => client.end());
};

it('hears what is told on its channel, also after the server was away, and ends with its signal', async () => {
  const urlFile = join(directory, 'url');
  await writeFile(urlFile, server.url);
  const stop = new AbortController();
  let heard = 0;
  const running = runPostgresListener(
    { urlFile, maxConnections: 1 },
    {
      channel: 'changes',
      onNotification: () => {
        heard += 1;
      },
      signal: stop.signal,
      logger: pino({ level: 'silent' }),
    },
  );
  // Once by itself: whoever has just begun to listen has missed something, maybe.
  await vi.waitFor(() => expect(heard).toBe(1), soon);
  await notify('others');
  await notify('changes');
  await vi.waitFor(() => expect(heard).toBe(2), soon);
  await server.restart();
  await vi.waitFor(() => expect(heard).toBe(3), soon);
  await notify('changes');
  await vi.waitFor(() => expect(heard).toBe(4), soon);
  stop.abort();
  await running;
});
