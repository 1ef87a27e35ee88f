import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresPool, type PostgresPool } from '../../shared/postgres-pool.ts';
import { eventually } from '../../shared/testing/condition.ts';
import { startTokenStoreFixture, type TokenStoreFixture } from '../../token-store/testing/token-store-fixture.ts';
import { createOutboxRepository, enqueueEvent } from './outbox-repository.ts';
import { type Delivery, type Handlers, type OutboxWorker, runOutbox } from './outbox-worker.ts';

const logger = pino({ level: 'silent' });
let store: TokenStoreFixture;
let pool: PostgresPool;
let ended: AbortController;
let workers: OutboxWorker[];

beforeAll(async () => {
  store = await startTokenStoreFixture();
  store.writeFile('auth-url', store.roleUrl('auth'));
  const settings = { urlFile: store.writeFile('auth-url', store.roleUrl('auth')), maxConnections: 10 };
  pool = await createPostgresPool(settings, logger, { signal: new AbortController().signal, schema: 'auth' });
});
afterEach(async () => {
  ended.abort();
  await Promise.all(workers.map((worker) => worker.ended));
  await pool.query({ text: 'DELETE FROM auth.outbox' });
});
afterAll(async () => {
  await pool?.end();
  await store?.stop();
});

const counts: string[] = [];

/** Starts so many workers on one outbox, with one handler for mails. */
const start = (
  handle: (email: string, id: string) => Promise<Delivery>,
  count = 1,
  others: Omit<Handlers, 'mail'> = {},
): void => {
  ended = new AbortController();
  counts.length = 0;
  workers = Array.from({ length: count }, () =>
    runOutbox({
      repository: createOutboxRepository(pool),
      handlers: { mail: (payload, id) => handle('email' in payload ? payload.email : '', id), ...others },
      count: (topic, outcome) => counts.push(`${topic} ${outcome}`),
      logger,
      signal: ended.signal,
    }),
  );
};

const mail = (email: string) => ({ topic: 'mail', payload: { kind: 'reset_password', email } }) as const;

const remaining = async (): Promise<number> => {
  const { rows } = await pool.query<{ count: string }>({ text: 'SELECT count(*) FROM auth.outbox' });
  return Number(rows[0]?.count);
};

describe('the outbox', () => {
  it('delivers what was written with a change, and nothing of a change that was taken back', async () => {
    const seen: string[] = [];
    start(async (email) => {
      seen.push(email);
      return { outcome: 'delivered' };
    });
    const taken = pool.transaction(async (connection) => {
      await enqueueEvent(connection, mail('never@example.test'));
      throw new Error('taken back');
    });
    await expect(taken).rejects.toThrow('taken back');
    await pool.transaction((connection) => enqueueEvent(connection, mail('ada@example.test')));
    await workers[0]?.hurry([]);
    await eventually(async () => (await remaining()) === 0);
    expect(seen).toEqual(['ada@example.test']);
    expect(counts).toEqual(['mail delivered']);
  });

  it('gives each event to one worker', async () => {
    const seen: string[] = [];
    start(async (email) => {
      seen.push(email);
      return { outcome: 'delivered' };
    }, 4);
    const emails = Array.from({ length: 60 }, (_, n) => `person-${n}@example.test`);
    for (const email of emails) await enqueueEvent(pool, mail(email));
    await eventually(async () => (await remaining()) === 0);
    expect(seen.sort()).toEqual(emails.sort());
  });

  it('gives an event to nobody else while somebody has it, and to others when that one is gone', async () => {
    const repository = createOutboxRepository(pool);
    const lease = { topics: ['mail'], limit: 10, leaseSeconds: 60 } as const;
    let others: unknown;
    start(async () => {
      others = await repository.lease(lease);
      return { outcome: 'delivered' };
    });
    await enqueueEvent(pool, mail('ada@example.test'));
    await eventually(async () => (await remaining()) === 0);
    expect(others).toEqual([]);

    ended.abort();
    await Promise.all(workers.map((worker) => worker.ended));
    await enqueueEvent(pool, mail('grace@example.test'));
    expect(await repository.lease(lease)).toHaveLength(1);
    await pool.query({ text: `UPDATE auth.outbox SET due_at = due_at - interval '60 s'` });
    expect(await repository.lease(lease)).toMatchObject([{ attempts: 2 }]);
  });

  it('tries again what failed or threw, under the same id', async () => {
    const ids: string[] = [];
    start(async (_email, id) => {
      ids.push(id);
      if (ids.length === 1) return { outcome: 'failed', code: 'ETIMEDOUT' };
      if (ids.length === 2) throw new Error('unexpected');
      return { outcome: 'delivered' };
    });
    await enqueueEvent(pool, mail('ada@example.test'));
    await eventually(async () => {
      await pool.query({ text: 'UPDATE auth.outbox SET due_at = now() WHERE attempts > 0' });
      return (await remaining()) === 0;
    }, 30_000);
    expect(counts).toEqual(['mail postponed', 'mail postponed', 'mail delivered']);
    expect(new Set(ids).size).toBe(1);
  });

  it('gives up what can never be, and a mail that is a day old', async () => {
    start(async (email) =>
      email.startsWith('nobody') ? { outcome: 'impossible', code: 'EENVELOPE 550' } : { outcome: 'failed', code: 'X' },
    );
    await enqueueEvent(pool, mail('nobody@example.test'));
    await enqueueEvent(pool, mail('old@example.test'));
    await pool.query({
      text: `UPDATE auth.outbox SET created_at = now() - interval '25 hours' WHERE payload->>'email' LIKE 'old%'`,
    });
    await eventually(async () => (await remaining()) === 0);
    expect(counts.filter((count) => count === 'mail given_up')).toHaveLength(2);
  });

  it('revokes while mails wait for their server', async () => {
    const server = Promise.withResolvers<void>();
    const delivered: Delivery = { outcome: 'delivered' };
    start(() => server.promise.then(() => delivered), 1, { revoke_grant: async () => delivered });
    for (let n = 0; n < 12; n += 1) await enqueueEvent(pool, mail(`person-${n}@example.test`));
    await eventually(async () => {
      const { rows } = await pool.query({ text: 'SELECT 1 FROM auth.outbox WHERE attempts > 0' });
      return rows.length > 0;
    });
    try {
      await enqueueEvent(pool, { topic: 'revoke_grant', payload: { grantId: 'g' } });
      await eventually(async () => counts.includes('revoke_grant delivered'));
      expect(counts).toEqual(['revoke_grant delivered']);
    } finally {
      server.resolve();
    }
  });

  it('keeps trying a revocation that this version cannot read, however old', async () => {
    start(async () => ({ outcome: 'delivered' }), 1, { revoke_grant: async () => ({ outcome: 'delivered' }) });
    await pool.query({
      text: `INSERT INTO auth.outbox (id, topic, payload, created_at)
             VALUES (gen_random_uuid(), 'revoke_grant', '{"of": "tomorrow"}', now() - interval '25 hours')`,
    });
    await eventually(async () => counts.length > 0);
    expect(counts).toEqual(['revoke_grant postponed']);
  });

  it('has revoked what was just enqueued before it goes on, and keeps what could not be', async () => {
    const done: string[] = [];
    start(async () => ({ outcome: 'delivered' }), 1, {
      revoke_session: async ({ sessionUid }) => {
        if (sessionUid === 'unreachable') throw new Error('away');
        done.push(sessionUid);
        return { outcome: 'delivered' };
      },
    });
    // Not due yet: no worker takes them.
    const mine = await pool.transaction(async (connection) => {
      const end = (sessionUid: string) =>
        enqueueEvent(connection, { topic: 'revoke_session', payload: { sessionUid } });
      const events = [await end('s1'), await end('unreachable'), await end('s2')];
      await connection.query({ text: `UPDATE auth.outbox SET due_at = now() + interval '1 hour'` });
      return events;
    });
    await workers[0]?.hurry(mine);
    expect(done).toEqual(['s1', 's2']);
    const { rows } = await pool.query({ text: `SELECT payload FROM auth.outbox` });
    expect(rows).toEqual([{ payload: { sessionUid: 'unreachable' } }]);
  });

  it('leaves what it has no handler for', async () => {
    start(async () => ({ outcome: 'delivered' }));
    await enqueueEvent(pool, { topic: 'revoke_grant', payload: { grantId: 'g' } });
    await enqueueEvent(pool, mail('ada@example.test'));
    await eventually(async () => (await remaining()) === 1);
    expect(counts).toEqual(['mail delivered']);
  });
});
