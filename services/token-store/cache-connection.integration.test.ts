import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { createCertificateAuthority } from '../shared/testing/certificate-authority.ts';
import { startRedis, type TestRedis, type TestRedisOptions } from '../shared/testing/redis.ts';
import { type CacheConnection, openCacheConnection } from './cache-connection.ts';

const lines: string[] = [];
const logger = pino({}, { write: (line: string) => lines.push(line) });
const directory = mkdtempSync(join(tmpdir(), 'cache-test-'));
const ended = new AbortController();
const servers: TestRedis[] = [];
const connections: CacheConnection[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.end();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});
afterAll(() => {
  ended.abort();
  rmSync(directory, { recursive: true, force: true });
});

const start = async (options?: TestRedisOptions): Promise<TestRedis> => {
  const server = await startRedis(options);
  servers.push(server);
  return server;
};
const connectTo = async (url: string, more: { caFile?: string; trustDirectory?: string } = {}) => {
  const urlFile = join(mkdtempSync(join(directory, 'url-')), 'url');
  writeFileSync(urlFile, url);
  const connection = await openCacheConnection({ urlFile, ...more }, { signal: ended.signal, logger });
  connections.push(connection);
  return { connection, urlFile };
};
const expectProbe = (connection: CacheConnection, code: string | undefined | RegExp) =>
  vi.waitFor(
    async () => {
      const found = await connection.probe();
      if (code instanceof RegExp) expect(found).toMatch(code);
      else expect(found).toBe(code);
    },
    { timeout: 15_000, interval: 50 },
  );

describe('a cache', () => {
  it('may be away when the service starts, come, go and come again', async () => {
    const server = await start();
    await server.kill();
    const { connection } = await connectTo(`redis://127.0.0.1:${server.port}/3`);
    await expectProbe(connection, 'ECONNREFUSED');
    await server.restart();
    await expectProbe(connection, undefined);
    await server.kill();
    await expectProbe(connection, 'ECONNREFUSED');
    await server.restart();
    await expectProbe(connection, undefined);
  });

  it('asks for its password, and a changed one is followed without a restart', async () => {
    const server = await start({ password: 's3cret' });
    const { connection, urlFile } = await connectTo(`redis://:gu3ss@127.0.0.1:${server.port}`);
    await expectProbe(connection, /WRONGPASS|NOAUTH/);
    writeFileSync(urlFile, `redis://:s3cret@127.0.0.1:${server.port}\n`);
    await expectProbe(connection, undefined);
    writeFileSync(urlFile, 'nonsense:s3cret');
    await expectProbe(connection, 'INVALID_CACHE_URL');
    expect(lines.join('')).not.toMatch(/s3cret|gu3ss/);
  });

  it('is reached by TLS with the certificates of a bundle, and by none other', async () => {
    const authority = await createCertificateAuthority();
    const { cert, key } = await authority.issueServer(['127.0.0.1']);
    const server = await start({ tls: { cert, key } });
    const trustDirectory = mkdtempSync(join(directory, 'trust-'));
    writeFileSync(join(trustDirectory, 'bundle.pem'), (await createCertificateAuthority()).ca);
    const url = `rediss://127.0.0.1:${server.port}`;
    const { connection } = await connectTo(url, { trustDirectory });
    await expectProbe(connection, /CERT|UNABLE_TO/);
    writeFileSync(join(trustDirectory, 'bundle.pem'), authority.ca);
    await expectProbe(connection, undefined);
    const caFile = join(directory, 'cache-ca.crt');
    writeFileSync(caFile, authority.ca);
    await expectProbe((await connectTo(url, { caFile })).connection, undefined);
    await expectProbe((await connectTo(url.replace('127.0.0.1', 'localhost'), { caFile })).connection, /ALTNAME/);
  });

  it('is found by Sentinels', async () => {
    const server = await start();
    const sentinel = await start({
      sentinel: true,
      configuration: [`sentinel monitor main 127.0.0.1 ${server.port} 1`],
    });
    await expectProbe((await connectTo(`redis+sentinel://127.0.0.1:${sentinel.port}/main`)).connection, undefined);
    const unknown = await connectTo(`redis+sentinel://127.0.0.1:${sentinel.port}/other`);
    await expectProbe(unknown.connection, /.+/);
  });

  it('is a Cluster', async () => {
    const server = await start({ configuration: ['cluster-enabled yes', 'cluster-announce-ip 127.0.0.1'] });
    const client = new Redis(server.port, '127.0.0.1');
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    client.disconnect();
    const { connection } = await connectTo(`redis+cluster://127.0.0.1:${server.port},127.0.0.1:1`);
    await expectProbe(connection, undefined);
    await server.kill();
    await expectProbe(connection, /.+/);
    await server.restart();
    await expectProbe(connection, undefined);
  });
});
