import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunningService } from '../shared/service-process.ts';
import { createRevocationFeedFollower, type RevocationFeedFollower } from './client/revocation-feed.ts';
import { buildRevocationKeys, type RevocableClaims } from './client/revocation-keys.ts';
import type { RevocationLine } from './client/revocation-lines.ts';
import type { TokenStoreClient } from './client/token-store-client.ts';
import { hashRecordId } from './record-hash.ts';
import { createRevocationFeed } from './revocation-feed.ts';
import { upsert } from './testing/intents.ts';
import { startTokenStoreFixture, type TokenStoreFixture } from './testing/token-store-fixture.ts';

const addresses = ['127.0.0.11', '127.0.0.12'] as const;
const logger = pino({ level: 'silent' });
const soon = { timeout: 15_000, interval: 20 };
const ended = new AbortController();
let fixture: TokenStoreFixture;
let services: RunningService[];
let port: number;
let store: TokenStoreClient;
let owner: pg.Client;
let follower: RevocationFeedFollower;

const follow = (to: readonly string[] = addresses, role: 'gateway' | 'auth' = 'gateway') => {
  const pool = fixture.peerPool(role, port, [...to]);
  const followed = createRevocationFeedFollower({ pool, signal: ended.signal, logger });
  void followed.run();
  return followed;
};

beforeAll(async () => {
  fixture = await startTokenStoreFixture();
  const first = await fixture.start({ listenAddress: addresses[0] });
  port = first.ports['token-store'] ?? 0;
  services = [first, await fixture.start({ listenAddress: addresses[1], port })];
  store = fixture.client(port, [...addresses]);
  owner = new pg.Client({ connectionString: fixture.databaseUrl });
  await owner.connect();
  follower = follow();
});
afterAll(async () => {
  ended.abort();
  await owner?.end();
  await fixture?.stop();
});

const claims = (more: Partial<RevocableClaims> = {}): RevocableClaims => ({
  jti: randomUUID(),
  client_id: 'c',
  ...more,
});
const knows = (of: RevocableClaims, by = follower) => by.isRevoked(buildRevocationKeys(of));
const untilKnown = (of: RevocableClaims, by = follower) => vi.waitFor(() => expect(knows(of, by)).toBe(true), soon);
const newGrant = async (more: Record<string, string> = {}) => {
  const gid = randomUUID();
  await store.commit({ commitId: randomUUID(), intents: [upsert('grant', gid, more)] });
  return gid;
};

describe('the revocation feed', () => {
  it('tells of every kind of revocation, and of nothing else', async () => {
    const subject = randomUUID();
    const client = randomUUID();
    const [byCommit, byCall, bySubject, alive] = [
      await newGrant(),
      await newGrant(),
      await newGrant({ subject }),
      await newGrant(),
    ];
    const token = claims();
    await store.commit({ commitId: randomUUID(), intents: [{ operation: 'revoke_grant', grantId: byCommit }] });
    await store.revoke({ by: 'grant', grantId: byCall });
    await store.revoke({ by: 'subject', subject });
    await store.revoke({ by: 'token', jti: token.jti, expiresInSeconds: 60 });
    await store.revoke({ by: 'client', clientId: client });
    for (const gid of [byCommit, byCall, bySubject]) await untilKnown(claims({ gid }));
    await untilKnown(token);
    await untilKnown(claims({ client_id: client }));
    expect(knows(claims({ client_id: client, cep: 1 }))).toBe(false);
    expect(follower.clientEpoch(client)).toBe(1);
    expect(knows(claims({ gid: alive }))).toBe(false);
    expect(follower.ageMilliseconds()).toBeLessThan(15_000);
  });

  it('tells whoever comes late of what is revoked still', async () => {
    const gid = await newGrant();
    await store.revoke({ by: 'grant', grantId: gid });
    await untilKnown(claims({ gid }));
    const late = follow(addresses, 'auth');
    await vi.waitFor(() => expect(late.isReady()).toBe(true), soon);
    expect(knows(claims({ gid }), late)).toBe(true);
    expect(late.clientEpoch('unknown')).toBe(0);
  });

  it('misses nothing of a transaction that began before others and ends after them', async () => {
    const [slow, ...quick] = await Promise.all([newGrant(), newGrant(), newGrant(), newGrant()]);
    await owner.query('BEGIN');
    await owner.query(
      `INSERT INTO token_store.revocations (kind, key_hash, expires_at) VALUES ('grant', $1, now() + interval '1 hour')`,
      [hashRecordId('grant', slow)],
    );
    // Each of these is read, with cursors that move on, while the slow one is under way.
    for (const gid of quick) {
      await store.revoke({ by: 'grant', grantId: gid });
      await untilKnown(claims({ gid }));
    }
    expect(knows(claims({ gid: slow }))).toBe(false);
    await owner.query('COMMIT');
    await untilKnown(claims({ gid: slow }));
  });

  it('is only for gateways and auth', async () => {
    const statusOf = async (role: 'gateway' | 'operator', path: string) =>
      (await fixture.peerPool(role, port, [...addresses]).request({ method: 'GET', path, idempotent: true })).status;
    expect(await statusOf('operator', '/v1/revocations/feed')).toBe(403);
    const pool = fixture.peerPool('gateway', port, [...addresses]);
    const revoke = { method: 'POST', path: '/v1/revocations/revoke', body: '{}', idempotent: true } as const;
    expect((await pool.request(revoke)).status).toBe(403);
  });

  it('goes on at another token-store when one drains', async () => {
    const moved = follow([addresses[0], addresses[1]]);
    await vi.waitFor(() => expect(moved.isReady()).toBe(true), soon);
    const [target] = await fixture.peerPool('gateway', port, [addresses[0]]).targets();
    const stream = await target?.dispatcher.request({ method: 'GET', path: '/v1/revocations/feed' });
    // It ends, instead of being cut when nobody waits any longer.
    await Promise.all([services[0]?.stop(), stream?.body.text()]);
    const gid = await newGrant();
    await store.revoke({ by: 'grant', grantId: gid });
    await untilKnown(claims({ gid }), moved);
    await untilKnown(claims({ gid }));
    services[0] = await fixture.start({ listenAddress: addresses[0], port });
    await services[1]?.stop();
    const next = await newGrant();
    await store.revoke({ by: 'grant', grantId: next });
    await untilKnown(claims({ gid: next }), moved);
    services[1] = await fixture.start({ listenAddress: addresses[1], port });
  });

  it('serves what it knows, with its age, while the database is away, and goes on with it', async () => {
    const gid = await newGrant();
    await store.revoke({ by: 'grant', grantId: gid });
    await untilKnown(claims({ gid }));
    await owner.end();
    await fixture.postgres.pause();
    try {
      const late = follow();
      await vi.waitFor(() => expect(late.isReady()).toBe(true), soon);
      expect(knows(claims({ gid }), late)).toBe(true);
      await vi.waitFor(() => expect(follower.ageMilliseconds()).toBeGreaterThan(2_000), soon);
    } finally {
      await fixture.postgres.restart();
      owner = new pg.Client({ connectionString: fixture.databaseUrl });
      await owner.connect();
    }
    const next = await newGrant();
    await store.revoke({ by: 'grant', grantId: next });
    await untilKnown(claims({ gid: next }));
    await vi.waitFor(() => expect(follower.ageMilliseconds()).toBeLessThan(1_500), soon);
  });
});

describe('a feed without hints', () => {
  /** Follows by itself, over the owner's connection; `databaseOf` changes what the database calls itself. */
  const startFeed = (databaseOf: (name: string) => string = (name) => name) => {
    const stop = new AbortController();
    const query = async (statement: pg.QueryConfig) => {
      const result = await owner.query(statement);
      return { ...result, rows: result.rows.map((row) => ({ ...row, database: databaseOf(row.database) })) };
    };
    // Only what the feed uses of an answer.
    const feed = createRevocationFeed({ pool: { query } as never, signal: stop.signal, logger });
    const running = feed.run();
    const end = async () => {
      stop.abort();
      await running;
    };
    return { feed, stop: end };
  };

  it('looks by itself, sends only what is new, and from a cursor only what is newer', async () => {
    const { feed, stop } = startFeed();
    const lines: RevocationLine[] = [];
    await vi.waitFor(() => expect(feed.subscribe(undefined, (line) => lines.push(line))).toBeDefined(), soon);
    const [begin] = lines;
    expect(begin).toMatchObject({ type: 'begin', resumed: false });
    const known = feed.size();
    const sent = () => lines.flatMap((line) => (line.type === 'entries' ? line.entries : []));
    expect(sent()).toHaveLength(known);
    await store.revoke({ by: 'token', jti: randomUUID(), expiresInSeconds: 60 });
    await vi.waitFor(() => expect(sent()).toHaveLength(known + 1), soon);
    await vi.waitFor(() => expect(lines.at(-1)?.type).toBe('heartbeat'), soon);
    expect(sent()).toHaveLength(known + 1);

    const last = lines.at(-1);
    const cursor = last?.type === 'heartbeat' ? BigInt(last.cursor) : 0n;
    const database = begin?.type === 'begin' ? begin.database : '';
    const resumed: RevocationLine[] = [];
    feed.subscribe({ database, cursor }, (line) => resumed.push(line));
    expect(resumed.map(({ type }) => type)).toEqual(['begin', 'ready']);
    expect(resumed[0]).toMatchObject({ resumed: true });
    const elsewhere: RevocationLine[] = [];
    feed.subscribe({ database: 'other:00000001', cursor }, (line) => elsewhere.push(line));
    expect(elsewhere[0]).toMatchObject({ resumed: false });
    await stop();
  });

  it('begins anew for everybody when the database is another one, or on another timeline', async () => {
    let name = 'first';
    const { feed, stop } = startFeed((database) => `${name}${database}`);
    const lines: RevocationLine[] = [];
    await vi.waitFor(() => expect(feed.subscribe(undefined, (line) => lines.push(line))).toBeDefined(), soon);
    const known = feed.size();
    name = 'second';
    const begins = () => lines.filter(({ type }) => type === 'begin');
    await vi.waitFor(() => expect(begins()).toHaveLength(2), soon);
    expect(begins()[1]).toMatchObject({ database: expect.stringMatching(/^second.+:[0-9A-F]{8}$/), resumed: false });
    expect(feed.size()).toBe(known);
    await stop();
  });
});
