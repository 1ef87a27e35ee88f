import { randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Queryable } from '../shared/postgres-pool.ts';
import type { TokenStoreClient } from './client/token-store-client.ts';
import { buildTokenValue } from './client/token-value.ts';
import { buildDataKeyring } from './data-encryption-keys.ts';
import { consumeRecords, explainRefusal } from './queries/consume.ts';
import { destroyRecords } from './queries/destroy.ts';
import { findSealedRecord } from './queries/find.ts';
import { revokeReplayedFamilies } from './queries/grants.ts';
import { upsertRecords } from './queries/upsert.ts';
import { findRecord } from './record-lookup.ts';
import { committed, newTokenId, upsert } from './testing/intents.ts';
import { startTokenStoreFixture, type TokenStoreFixture } from './testing/token-store-fixture.ts';
import { dropEndedTokenPartitions, ensureTokenPartitions } from './token-partitions.ts';
import { planTransaction } from './transaction-plan.ts';

let fixture: TokenStoreFixture;
let store: TokenStoreClient;
let owner: pg.Client;
let services: pg.Client[];
const keyring = buildDataKeyring({ keys: [{ id: 'k', key: randomBytes(32).toString('base64') }] });

const connect = async (connectionString: string) => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
};

beforeAll(async () => {
  fixture = await startTokenStoreFixture();
  const service = await fixture.start();
  store = fixture.client(service.ports['token-store'] ?? 0);
  owner = await connect(fixture.databaseUrl);
  services = await Promise.all([1, 2].map(() => connect(fixture.roleUrl('token-store'))));
});
afterAll(async () => {
  await Promise.all([owner, ...(services ?? [])].map((client) => client?.end()));
  await fixture?.stop();
});

const soon = { timeout: 15_000, interval: 50 };
const today = Math.floor(Date.now() / 86_400_000);
const days = async (): Promise<number[]> => {
  const { rows } = await owner.query<{ day: number }>(
    `SELECT substring(relname FROM '\\d+$')::int AS day FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
      WHERE inhparent = 'token_store.tokens'::regclass AND relkind = 'r' ORDER BY 1`,
  );
  return rows.map(({ day }) => day);
};
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n);
/** As a run of long ago would have left it. */
const makeOldPartition = async (day: number) => {
  await owner.query(`CREATE TABLE token_store.tokens_${day} PARTITION OF token_store.tokens FOR VALUES IN (${day})`);
};

/** Runs nothing; notes which partitions each statement would touch. */
const explaining = (): { connection: Queryable; touched: string[][] } => {
  const touched: string[][] = [];
  const query = async ({ text, values }: pg.QueryConfig) => {
    const { rows } = await owner.query(`EXPLAIN (FORMAT JSON) ${text}`, values);
    const scans = JSON.stringify(rows).matchAll(/"Relation Name":"(tokens_\d+)"/g);
    touched.push([...new Set([...scans].map(([, partition = '']) => partition))]);
    return { rows: [], rowCount: 0 };
  };
  // Only what the queries use of an answer.
  return { connection: { query } as unknown as Queryable, touched };
};

describe('partitions of tokens', () => {
  it('reach from yesterday to two weeks beyond the longest lifetime, made once by whoever asks', async () => {
    await vi.waitFor(async () => expect(await days()).toEqual(range(today - 1, today + 15)), soon);
    const lifetimes = { accessTokenSeconds: 600, refreshTokenSeconds: 40 * 86_400 };
    await Promise.all(services.map((service) => ensureTokenPartitions(service, lifetimes)));
    expect(await days()).toEqual(range(today - 1, today + 54));
  });

  it('are each alone in what a statement touches', async () => {
    const id = newTokenId();
    const { idHash, day } = { idHash: randomBytes(32), day: today };
    const { connection, touched } = explaining();
    await findSealedRecord(connection, 'tokens', 'refresh_token', { column: 'id_hash', values: [idHash], day });
    const keys = { hashes: [idHash], days: [day] };
    await consumeRecords(connection, 'tokens', keys, randomUUID());
    await explainRefusal(connection, 'tokens', keys, randomUUID());
    await destroyRecords(connection, 'tokens', [idHash], [day]);
    await revokeReplayedFamilies(connection, [idHash], { commitId: randomUUID(), feedSeconds: 1, tokenDays: [day] });
    expect(touched).toEqual(Array.from({ length: 5 }, () => [`tokens_${today}`]));
    const plan = planTransaction({ commitId: randomUUID(), intents: [upsert('refresh_token', id)] });
    expect(plan.tokenDays).toEqual([Number(id.split('~')[0])]);
    await upsertRecords(services[0] ?? owner, 'tokens', plan, keyring);
    const { rows } = await owner.query(
      `SELECT tableoid::regclass::text AS part FROM token_store.tokens WHERE id_hash = $1`,
      [plan.upserts.tokens[0]?.idHash],
    );
    expect(rows).toEqual([{ part: `token_store.tokens_${plan.tokenDays[0]}` }]);
  });

  it('are not asked for a value that cannot be ours', async () => {
    const unreachable: Queryable = { query: () => Promise.reject(new Error('asked')) };
    for (const value of ['', randomUUID(), `${today}~x`, `${today}~${'y'.repeat(43)}\n`]) {
      const found = await findRecord(unreachable, keyring, { kind: 'refresh_token', by: 'id', value });
      expect(found).toEqual({ related: [] });
    }
  });

  it('refuse a token for now whose day has none, and a value without a day for good', async () => {
    const late = buildTokenValue(randomUUID(), Date.now() / 1000 + 400 * 86_400);
    const pool = fixture.peerPool('auth', (await fixture.start()).ports['token-store'] ?? 0);
    const statusOf = async (id: string) => {
      const body = JSON.stringify({ commitId: randomUUID(), intents: [upsert('client_credentials', id)] });
      const headers = { 'content-type': 'application/json' };
      return (await pool.request({ method: 'POST', path: '/v1/transactions', headers, body, idempotent: true })).status;
    };
    expect(await statusOf(late)).toBe(503);
    expect(await statusOf(randomUUID())).toBe(400);
    expect(await statusOf(newTokenId())).toBe(200);
  });

  it('are dropped a day after their end, oldest first, and no sooner', async () => {
    for (const day of [today - 4, today - 3, today - 2]) await makeOldPartition(day);
    const dropped: number[] = [];
    expect(await dropEndedTokenPartitions(services[0] ?? owner, (day) => dropped.push(day))).toBe(true);
    expect(dropped).toEqual([today - 4, today - 3, today - 2]);
    expect((await days())[0]).toBe(today - 1);
  });

  it('let everybody go on while one is in use that is to be dropped', async () => {
    await makeOldPartition(today - 9);
    await owner.query('BEGIN');
    await owner.query('SELECT count(*) FROM token_store.tokens');
    expect(await dropEndedTokenPartitions(services[0] ?? owner)).toBe(false);
    const grantId = randomUUID();
    const commit = store.commit({
      commitId: randomUUID(),
      intents: [upsert('grant', grantId), upsert('refresh_token', newTokenId(), { grantId })],
    });
    expect(await commit).toEqual(committed);
    await owner.query('COMMIT');
    expect(await dropEndedTokenPartitions(services[0] ?? owner)).toBe(true);
  });

  it('are all that the service may make', async () => {
    const [service] = services;
    await expect(service?.query('CREATE TABLE token_store.other (id int)')).rejects.toMatchObject({ code: '42501' });
    await expect(service?.query('DROP TABLE token_store.tokens')).rejects.toMatchObject({ code: '42501' });
    await expect(service?.query('SELECT token_store.ensure_token_partitions(1000000, 1)')).rejects.toThrow('bounds');
    const auth = await connect(fixture.roleUrl('auth'));
    await expect(auth.query('SELECT token_store.drop_ended_token_partition()')).rejects.toMatchObject({
      code: '42501',
    });
    await auth.end();
  });
});
