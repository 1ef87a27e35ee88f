import { randomBytes, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import { startRedis, type TestRedis, type TestRedisOptions } from '../shared/testing/redis.ts';
import type { TokenStoreClient } from './client/token-store-client.ts';
import { hashRecordId } from './record-hash.ts';
import { upsert } from './testing/intents.ts';
import { startTokenStoreFixture, type TokenStoreFixture } from './testing/token-store-fixture.ts';

const addresses = ['127.0.0.31', '127.0.0.32'] as const;

let fixture: TokenStoreFixture;
let redis: TestRedis;
let direct: Redis;
let services: RunningService[];
let store: TokenStoreClient;
let other: TokenStoreClient;

const connectTo = (server: TestRedis) => {
  const client = new Redis(server.port, '127.0.0.1');
  client.on('error', () => undefined);
  return client;
};

beforeAll(async () => {
  fixture = await startTokenStoreFixture();
  redis = await startRedis();
  direct = connectTo(redis);
  const cache = { urlFile: fixture.writeFile('cache-url', `redis://127.0.0.1:${redis.port}`) };
  const first = await fixture.start({ listenAddress: addresses[0], cache });
  const port = first.ports['token-store'] ?? 0;
  services = [first, await fixture.start({ listenAddress: addresses[1], port, cache })];
  [store, other] = [fixture.client(port, [addresses[0]]), fixture.client(port, [addresses[1]])];
  await untilUsed();
});
afterAll(async () => {
  direct?.disconnect();
  await fixture?.stop();
  await redis?.stop();
});

const newDevice = async (): Promise<string> => {
  const id = randomUUID();
  await store.commit({ commitId: randomUUID(), intents: [upsert('device_code', id, { userCode: randomUUID() })] });
  return id;
};
const approve = async (id: string, by = store): Promise<void> => {
  const grantId = randomUUID();
  const answer = await by.commit({
    commitId: randomUUID(),
    intents: [
      upsert('grant', grantId, { subject: 's', clientId: 'tv' }),
      upsert('device_code', id, { grantId, subject: 's', payload: { jti: id, grantId, accountId: 's' } }),
    ],
  });
  expect(answer).toEqual({ outcome: 'committed' });
};
const find = async (id: string, by = store) => (await by.find({ kind: 'device_code', by: 'id', value: id })).record;
const isApproved = async (id: string, by = store) => (await find(id, by))?.payload['grantId'] !== undefined;
const keyOf = (id: string) =>
  `identity/customers:pending_device:${hashRecordId('device_code', id).toString('base64url')}`;

/** How often each outcome of a look at the cache was counted. */
const reads = async (service: RunningService | undefined): Promise<Map<string, number>> => {
  const address = service === services?.[1] ? addresses[1] : addresses[0];
  const text = await (await fetch(`http://${address}:${service?.ports['probe']}/metrics`)).text();
  const lines = [...text.matchAll(/^token_store_cache_reads_total\{[^}]*outcome="(\w+)"[^}]*\} (\d+)$/gm)];
  return new Map(lines.map(([, outcome = '', count]) => [outcome, Number(count)]));
};
const countedAs = async (outcome: string, work: () => Promise<unknown>): Promise<number> => {
  const before = (await reads(services[0])).get(outcome) ?? 0;
  await work();
  return ((await reads(services[0])).get(outcome) ?? 0) - before;
};
/** Goes on until the work was counted so: on a busy machine a look may take too long, and then the cache is left alone. */
const untilCounted = (outcome: string, work: () => Promise<unknown>): Promise<void> =>
  eventually(async () => (await countedAs(outcome, work)) > 0, 60_000);
/** A cache that was left alone is asked again. */
const untilUsed = async (): Promise<void> => {
  const id = await newDevice();
  await untilCounted('hit', () => find(id));
};

describe('a device that asks again and again', () => {
  it('is told by a copy that nobody has said yes, and by the database that somebody has', async () => {
    const id = await newDevice();
    await untilCounted('hit', () => find(id));
    expect(await direct.pttl(keyOf(id))).toBeLessThanOrEqual(10_000);
    await approve(id, other);
    // At once; on a busy machine when the copy has had its time.
    await eventually(async () => (await isApproved(id)) && (await isApproved(id, other)), 30_000);
    // What can be used is read from the database, each time.
    expect(await countedAs('hit', () => find(id))).toBe(0);
  });

  it('keeps nothing readable in the cache, and nothing of other records', async () => {
    const id = await newDevice();
    const code = randomUUID();
    await store.commit({ commitId: randomUUID(), intents: [upsert('authorization_code', code)] });
    await store.find({ kind: 'authorization_code', by: 'id', value: code });
    await untilCounted('hit', () => find(id));
    const keys = await direct.keys('*');
    expect(keys).toContain(keyOf(id));
    expect(keys.every((key) => key.includes(':pending_device:'))).toBe(true);
    const copies = await Promise.all(keys.map((key) => direct.getBuffer(key)));
    for (const copy of copies) expect(copy?.includes(id)).toBe(false);
  });

  it('is let in by no copy that somebody has put back', async () => {
    const [id, stranger] = [await newDevice(), await newDevice()];
    await untilCounted('hit', () => find(id));
    await untilCounted('hit', () => find(stranger));
    const old = await direct.getBuffer(keyOf(id));
    const foreign = await direct.getBuffer(keyOf(stranger));
    await approve(id);
    const use = () =>
      store.commit({ commitId: randomUUID(), intents: [{ operation: 'consume', kind: 'device_code', id }] });
    expect(await use()).toEqual({ outcome: 'committed' });
    // An old copy says "not yet", for seconds; the code stays used.
    await untilCounted('hit', async () => {
      await direct.set(keyOf(id), old ?? '');
      return find(id);
    });
    expect(await use()).toEqual({ outcome: 'refused', reason: 'already_consumed' });
    for (const copy of [foreign ?? '', randomBytes(200), 'nonsense', '']) {
      await untilCounted('unusable', async () => {
        await direct.set(keyOf(id), copy);
        expect((await find(id))?.consumedAt).toBeDefined();
      });
    }
  });

  it('gets the right answer from a cache that is flushed, slow or away', async () => {
    const id = await newDevice();
    await untilCounted('hit', () => find(id));
    await untilCounted('miss', async () => {
      await direct.flushall();
      return find(id);
    });

    await direct.call('CLIENT', 'PAUSE', '10000', 'ALL');
    const slow = await newDevice();
    await untilCounted('unavailable', () => find(slow));
    await approve(slow);
    expect(await isApproved(slow)).toBe(true);
    await untilUsed();

    await redis.kill();
    const away = await newDevice();
    await untilCounted('unavailable', () => find(away));
    await approve(away);
    expect(await isApproved(away)).toBe(true);
    await redis.restart();
    await untilUsed();
  });
});

describe('copies', () => {
  const serves = async (options: TestRedisOptions, urlOf: (server: TestRedis) => string, before?: TestRedis) => {
    const server = await startRedis(options);
    try {
      if (options.configuration?.includes('cluster-enabled yes')) {
        const client = connectTo(server);
        await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
        client.disconnect();
      }
      const urlFile = fixture.writeFile(`url-${randomUUID()}`, urlOf(server));
      const service = await fixture.start({ cache: { urlFile } });
      const client = fixture.client(service.ports['token-store'] ?? 0);
      const id = await newDevice();
      const held = connectTo(before ?? server);
      await eventually(async () => {
        await find(id, client);
        return (await held.exists(keyOf(id)).catch(() => 0)) === 1;
      }, 30_000);
      held.disconnect();
      await service.stop();
    } finally {
      await server.stop();
    }
  };

  it('are kept where Sentinels say', async () => {
    const main = await startRedis();
    try {
      const configuration = [`sentinel monitor main 127.0.0.1 ${main.port} 1`];
      await serves({ sentinel: true, configuration }, ({ port }) => `redis+sentinel://127.0.0.1:${port}/main`, main);
    } finally {
      await main.stop();
    }
  });

  it('are kept in a Cluster', async () => {
    const configuration = ['cluster-enabled yes', 'cluster-announce-ip 127.0.0.1'];
    await serves({ configuration }, ({ port }) => `redis+cluster://127.0.0.1:${port}`);
  });
});
