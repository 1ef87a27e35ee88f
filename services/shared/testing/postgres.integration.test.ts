import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { startPostgres } from './postgres.ts';

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

describe('startPostgres', () => {
  it('keeps what was written over a crash', async () => {
    const server = await startPostgres();
    const connect = async () => {
      const client = new pg.Client({ connectionString: server.url });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    };
    try {
      const before = await connect();
      await before.query('CREATE TABLE kept AS SELECT 1 AS id');
      await server.kill();
      expect(await accepts(server.port)).toBe(false);
      await server.restart();
      const after = await connect();
      expect((await after.query('SELECT id FROM kept')).rows).toEqual([{ id: 1 }]);
      await after.end();
    } finally {
      await server.stop();
    }
    expect(await accepts(server.port)).toBe(false);
  });

  it('starts on kept data while the server of a killed process is still ending', async () => {
    const keeper = await startPostgres();
    try {
      const dataDirectory = join(keeper.directory, 'kept');
      const first = await startPostgres({ dataDirectory });
      const url = await first.createDatabase('kept');
      const ending = first.pause();
      const second = await startPostgres({ dataDirectory });
      await ending;
      const client = new pg.Client({ connectionString: url.replace(`:${first.port}/`, `:${second.port}/`) });
      await client.connect();
      await client.end();
      await second.stop();
      expect(existsSync(dataDirectory)).toBe(true);
    } finally {
      await keeper.stop();
    }
  });

  it('ends with a process that is killed, and leaves nothing', async () => {
    const script = `
      import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, 'postgres.ts'))};
      const server = await startPostgres();
      console.log(JSON.stringify({ port: server.port, directory: server.directory }));
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = await once(createInterface({ input: child.stdout }), 'line');
      const { port, directory } = JSON.parse(String(line));
      expect(await accepts(port)).toBe(true);
      child.kill('SIGKILL');
      await vi.waitFor(async () => expect([await accepts(port), existsSync(directory)]).toEqual([false, false]), {
        timeout: 30_000,
        interval: 100,
      });
    } finally {
      child.kill('SIGKILL');
    }
  });
});
