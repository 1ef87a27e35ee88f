import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { internalStateSchema } from '../shared/contracts/internal-state.ts';
import type { PeerPool, PeerResponse } from '../shared/peer-pool.ts';
import type { RunningService } from '../shared/service-process.ts';
import { startRedis } from '../shared/testing/redis.ts';
import { cleanExpiredRows } from './cleaning.ts';
import { TokenStoreUnavailable } from './client/token-store-client.ts';
import type { Intent } from './contract.ts';
import { newTokenId } from './testing/intents.ts';
import { startTokenStoreFixture, type TokenStoreFixture, testLiveSettings } from './testing/token-store-fixture.ts';

let fixture: TokenStoreFixture;
let service: RunningService;
let port: number;
const soon = { timeout: 15_000, interval: 50 };

beforeAll(async () => {
  fixture = await startTokenStoreFixture();
  service = await fixture.start();
  port = service.ports['token-store'] ?? 0;
});
afterAll(async () => {
  await fixture?.stop();
});

/** A connection of the database's owner that ends with the work, or with its failure. */
const asOwner = async <Value>(work: (owner: pg.Client) => Promise<Value>): Promise<Value> => {
  const owner = new pg.Client({ connectionString: fixture.databaseUrl });
  await owner.connect();
  return work(owner).finally(() => owner.end());
};
const post = (pool: PeerPool, path: string, body: string): Promise<PeerResponse> =>
  pool.request({ method: 'POST', path, headers: { 'content-type': 'application/json' }, body, idempotent: true });
const findBody = JSON.stringify({ kind: 'grant', by: 'id', value: 'nothing' });
const interaction = (id: string): Intent => ({
  operation: 'upsert',
  kind: 'interaction',
  id,
  payload: {},
  expiresInSeconds: 60,
});
const readiness = (probePort: number) =>
  new Promise<number>((resolve, reject) => {
    get({ host: '127.0.0.1', port: probePort, path: '/readyz', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on('error', reject);
  });

describe('roles', () => {
  it('lets each role reach its own paths only', async () => {
    const statusOf = async (role: 'auth' | 'gateway' | 'operator' | 'token-store') => {
      const pool = fixture.peerPool(role, port);
      const found = await post(pool, '/v1/records/find', findBody);
      const state = await pool.request({ method: 'GET', path: '/internal/state', idempotent: true });
      return [found.status, state.status];
    };
    expect(await statusOf('auth')).toEqual([200, 403]);
    expect(await statusOf('gateway')).toEqual([403, 403]);
    expect(await statusOf('operator')).toEqual([403, 200]);
    expect(await statusOf('token-store')).toEqual([403, 403]);
  });

  it('tells the operator its state', async () => {
    await vi.waitFor(async () => expect(await readiness(service.ports['probe'] ?? 0)).toBe(200), soon);
    const answer = await fixture
      .peerPool('operator', port)
      .request({ method: 'GET', path: '/internal/state', idempotent: true });
    expect(internalStateSchema.parse(JSON.parse(answer.body.toString()))).toEqual({
      service: 'token-store',
      version: '0.0.0-test',
      ready: true,
      database: {
        reachable: true,
        schemaVersion: expect.stringMatching(/^\d{4}_/),
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
    });
  });

  it('keeps auth out of the tables, whatever it sends', async () => {
    const client = new pg.Client({ connectionString: fixture.roleUrl('auth') });
    await client.connect();
    await expect(client.query('SELECT * FROM token_store.tokens')).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });
});

describe('another database', () => {
  it('is worked with by nobody: unready at start, 503 after, and so until it is the right one again', async () => {
    const { urlFile } = fixture.settings().database;
    const right = readFileSync(urlFile, 'utf8');
    writeFileSync(urlFile, `${right}&database_id=another`);
    try {
      const late = await fixture.start();
      const pool = fixture.peerPool('auth', late.ports['token-store'] ?? 0);
      await vi.waitFor(async () => expect((await post(pool, '/v1/records/find', findBody)).status).toBe(503), soon);
      expect(await readiness(late.ports['probe'] ?? 0)).toBe(503);
      const running = fixture.peerPool('operator', port);
      const state = async () =>
        internalStateSchema.parse(
          JSON.parse(
            (await running.request({ method: 'GET', path: '/internal/state', idempotent: true })).body.toString(),
          ),
        );
      await vi.waitFor(
        async () =>
          expect(await state()).toMatchObject({
            // A database that is lost later must not take every pod out of its Service at once.
            ready: true,
            database: { reachable: false, error: 'DATABASE_CHANGED' },
          }),
        soon,
      );
      writeFileSync(urlFile, right);
      await vi.waitFor(async () => expect(await readiness(late.ports['probe'] ?? 0)).toBe(200), soon);
      await vi.waitFor(async () => expect((await state()).database).toMatchObject({ reachable: true }), soon);
    } finally {
      writeFileSync(urlFile, right);
    }
  });
});

describe('a cache', () => {
  it('is told of, and is nothing that readiness waits for', async () => {
    const cache = await startRedis();
    try {
      const urlFile = fixture.writeFile('cache-url', `redis://127.0.0.1:${cache.port}`);
      const cached = await fixture.start({ cache: { urlFile } });
      const pool = fixture.peerPool('operator', cached.ports['token-store'] ?? 0);
      const state = async () =>
        internalStateSchema.parse(
          JSON.parse(
            (await pool.request({ method: 'GET', path: '/internal/state', idempotent: true })).body.toString(),
          ),
        ).cache;
      await vi.waitFor(async () => expect(await state()).toEqual({ reachable: true }), soon);
      await cache.kill();
      await vi.waitFor(async () => expect(await state()).toEqual({ reachable: false, error: 'ECONNREFUSED' }), soon);
      await vi.waitFor(async () => expect(await readiness(cached.ports['probe'] ?? 0)).toBe(200), soon);
    } finally {
      await cache.stop();
    }
  });
});

describe('bodies outside of the contract', () => {
  it.each([
    ['not JSON', '/v1/transactions', '{', 400],
    ['no intents', '/v1/transactions', JSON.stringify({ commitId: randomUUID(), intents: [] }), 400],
    ['another kind', '/v1/records/find', JSON.stringify({ kind: 'nothing', by: 'id', value: 'x' }), 400],
    ['a NUL', '/v1/introspections', JSON.stringify({ jti: 'a\0b', clientId: 'c' }), 400],
    ['nothing', '/v1/introspections', '', 400],
    ['too much', '/v1/transactions', JSON.stringify({ text: 'x'.repeat(1_100_000) }), 413],
    ['another path', '/v1/other', '{}', 404],
  ])('answers a problem to %s', async (_name, path, body, status) => {
    const answer = await post(fixture.peerPool('auth', port), path, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.body.toString())).toMatchObject({ status });
  });

  it('names the field and never the value', async () => {
    const answer = await post(
      fixture.peerPool('auth', port),
      '/v1/records/find',
      JSON.stringify({ kind: 'grant', by: 'name', value: 'secret-value' }),
    );
    expect(answer.body.toString()).toContain('by: invalid_value');
    expect(answer.body.toString()).not.toContain('secret-value');
  });
});

describe('data-encryption keys', () => {
  it('are taken over while it runs; older ones still open', async () => {
    const client = fixture.client(port);
    const before = randomUUID();
    await client.commit({ commitId: randomUUID(), intents: [interaction(before)] });
    fixture.writeDataEncryptionKeys(2);
    await vi.waitFor(async () => {
      await client.commit({ commitId: randomUUID(), intents: [interaction(randomUUID())] });
      const sealed = await asOwner((owner) =>
        owner.query(`SELECT 1 FROM token_store.interactions WHERE substr(payload, 3, 2) = 'k2'`),
      );
      expect(sealed.rowCount).toBeGreaterThan(0);
    }, soon);
    expect((await client.find({ kind: 'interaction', by: 'id', value: before })).record).toBeDefined();
  });
});

describe('metrics', () => {
  it('count outcomes, connections and requests by route', async () => {
    const client = fixture.client(port);
    await client.commit({ commitId: randomUUID(), intents: [interaction(randomUUID())] });
    const response = await fetch(`http://127.0.0.1:${service.ports['probe']}/metrics`);
    const text = await response.text();
    expect(text).toMatch(/token_store_transactions_total\{.*outcome="committed".*\} [1-9]/);
    expect(text).toMatch(/token_store_revocations(\{.*\})? \d/);
    expect(text).toMatch(/postgres_pool_connections\{.*state="total".*\} [1-9]/);
    expect(text).toMatch(/http_request_duration_seconds_count\{.*route="\/v1\/transactions".*\} [1-9]/);
  });
});

describe('cleaning', () => {
  it('removes what expired before the grace, in batches, and nothing else', async () => {
    const client = fixture.client(port);
    const alive = randomUUID();
    const batches: number[] = [];
    await asOwner(async (owner) => {
      await owner.query('DELETE FROM token_store.interactions');
      const interactions = Array.from({ length: 5 }, () => interaction(randomUUID()));
      await client.commit({ commitId: randomUUID(), intents: interactions });
      await owner.query(`UPDATE token_store.interactions SET expires_at = now() - interval '20 seconds'`);
      await client.commit({ commitId: randomUUID(), intents: [interaction(alive)] });
      const clean = (graceSeconds: number) =>
        cleanExpiredRows({ pool: owner, graceSeconds, limit: 2, onCleaned: (_table, rows) => batches.push(rows) });
      await clean(60);
      expect(batches).toEqual([]);
      await clean(10);
    });
    expect(batches).toEqual([2, 2, 1]);
    expect((await client.find({ kind: 'interaction', by: 'id', value: alive })).record).toBeDefined();
  });

  it('of a table with much in it never reads the whole of it', async () => {
    const rows = 30_000;
    const batches: number[] = [];
    await asOwner(async (owner) => {
      const fill = (from: number, to: number, ends: string) =>
        owner.query(
          `INSERT INTO token_store.one_time_ids (id_hash, commit_id, expires_at)
           SELECT sha256(int4send(n)), gen_random_uuid(), now() + $3::interval FROM generate_series($1::int, $2) AS n`,
          [from, to, ends],
        );
      await fill(1, rows, '-1 hour');
      await fill(rows + 1, rows + 1_000, '1 hour');
      await owner.query('ANALYZE token_store.one_time_ids');
      const wholeReads = async () => {
        await owner.query('SELECT pg_stat_force_next_flush()');
        const { rows: found } = await owner.query<{ count: string }>(
          `SELECT seq_scan AS count FROM pg_stat_user_tables WHERE relname = 'one_time_ids'`,
        );
        return Number(found[0]?.count);
      };
      const before = await wholeReads();
      await cleanExpiredRows({
        pool: owner,
        graceSeconds: 60,
        onCleaned: (table, count) => table === 'one_time_ids' && batches.push(count),
      });
      expect(await wholeReads()).toBe(before);
    });
    expect(batches).toEqual(Array.from({ length: 30 }, () => 1_000));
  });
});

describe('a database that goes away', () => {
  it('makes answers 503 with Retry-After, and they are good again with it', async () => {
    const pool = fixture.peerPool('auth', port);
    const client = fixture.client(port);
    await fixture.postgres.kill();
    // Backends of a killed server may still answer what reaches them before they notice.
    await vi.waitFor(async () => {
      const refused = await post(pool, '/v1/records/find', findBody);
      expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    }, soon);
    await expect(client.find({ kind: 'grant', by: 'id', value: 'x' })).rejects.toBeInstanceOf(TokenStoreUnavailable);
    const state = await fixture
      .peerPool('operator', port)
      .request({ method: 'GET', path: '/internal/state', idempotent: true });
    expect(JSON.parse(state.body.toString())).toMatchObject({
      ready: true,
      database: { reachable: false, error: 'ECONNREFUSED' },
    });
    expect(await readiness(service.ports['probe'] ?? 0)).toBe(200);

    // Begun while the database is away: the client carries it over the gap.
    const commit = client.commit({ commitId: randomUUID(), intents: [interaction(randomUUID())] });
    await fixture.postgres.restart();
    expect(await commit).toEqual({ outcome: 'committed' });
    expect((await post(pool, '/v1/records/find', findBody)).status).toBe(200);
  });

  it('is waited for at start', async () => {
    await fixture.postgres.pause();
    const late = await fixture.start();
    expect(await readiness(late.ports['probe'] ?? 0)).toBe(503);
    await fixture.postgres.restart();
    await vi.waitFor(async () => expect(await readiness(late.ports['probe'] ?? 0)).toBe(200), soon);
    await late.stop();
  });
});

describe('the process', () => {
  /** Starts `main.ts` as a pod does, on the same port of another loopback address. */
  const startProcess = async (listenAddress: string, sharedPort: number): Promise<ChildProcess> => {
    const given = fixture.settings(listenAddress);
    const liveDirectory = join(given.liveDirectory, '..', `process-${listenAddress}`);
    mkdirSync(liveDirectory);
    writeFileSync(join(liveDirectory, 'live.json'), JSON.stringify(testLiveSettings('info')));
    const path = join(liveDirectory, 'settings.json');
    writeFileSync(path, JSON.stringify({ ...given, liveDirectory, port: sharedPort }));
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('listening')) break;
    child.stdout.resume();
    return child;
  };

  it('dies in the middle of commits, and each is made once with its outcome known', async () => {
    const survivor = await startProcess('127.0.0.2', port);
    const victim = await startProcess('127.0.0.3', port);
    try {
      const client = fixture.client(port, ['127.0.0.3', '127.0.0.2']);
      const exited = once(victim, 'exit');
      const refreshMany = async (killsAt?: number) => {
        const grantId = randomUUID();
        let token = newTokenId();
        const lasting = { payload: {}, expiresInSeconds: 60 };
        const refreshToken = (id: string): Intent => ({
          ...{ operation: 'upsert', kind: 'refresh_token', id, grantId },
          ...lasting,
        });
        const grant: Intent = { operation: 'upsert', kind: 'grant', id: grantId, ...lasting };
        await client.commit({ commitId: randomUUID(), intents: [grant, refreshToken(token)] });
        for (let round = 0; round < 100; round += 1) {
          if (round === killsAt) victim.kill('SIGKILL');
          const next = newTokenId();
          // A repeated consume that forgot its own mark would be a replay, and end the family here.
          const outcome = await client.commit({
            commitId: randomUUID(),
            intents: [{ operation: 'consume', kind: 'refresh_token', id: token }, refreshToken(next)],
          });
          expect(outcome).toEqual({ outcome: 'committed' });
          token = next;
        }
      };
      await Promise.all([refreshMany(50), refreshMany(), refreshMany(), refreshMany()]);
      await exited;
      const ended = once(survivor, 'exit');
      survivor.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    } finally {
      victim.kill('SIGKILL');
      survivor.kill('SIGKILL');
    }
  });
});
