import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import { startStandby, type TestStandby } from '../shared/testing/postgres-standby.ts';
import { createRevocationFeedFollower, type RevocationFeedFollower } from '../token-store/client/revocation-feed.ts';
import type { TokenStoreClient } from '../token-store/client/token-store-client.ts';
import { startTokenStoreFixture, type TokenStoreFixture } from '../token-store/testing/token-store-fixture.ts';
import { type LossyRelay, startLossyRelay } from './failpoint/lossy-relay.ts';
import { startFeedTraffic } from './traffic/feed-traffic.ts';
import { findFeedFaults } from './validate/feed-history.ts';

const addresses = ['127.0.0.21', '127.0.0.22'] as const;
const logger = pino({ level: 'silent' });
const ended = new AbortController();
const deadlineMilliseconds = 30_000;

let fixture: TokenStoreFixture;
let standby: TestStandby;
/** The database's one address, as a Service or a virtual IP is, whoever is the primary. */
let entrance: LossyRelay;
let primaryPort: number;
let services: RunningService[];
let port: number;
let store: TokenStoreClient;

beforeAll(async () => {
  fixture = await startTokenStoreFixture();
  standby = await startStandby(fixture.postgres);
  primaryPort = fixture.postgres.port;
  entrance = await startLossyRelay('127.0.0.1', () => ({ host: '127.0.0.1', port: primaryPort }));
  const url = new URL(fixture.roleUrl('token-store'));
  url.port = String(entrance.port);
  fixture.writeFile('database/url', url.href);
  const first = await fixture.start({ listenAddress: addresses[0] });
  port = first.ports['token-store'] ?? 0;
  services = [first, await fixture.start({ listenAddress: addresses[1], port })];
  store = fixture.client(port, [...addresses]);
});
afterAll(async () => {
  ended.abort();
  await standby?.stop();
  await fixture?.stop();
  await entrance?.close();
});

/** One follower that prefers each token-store, so that none has to be lucky. */
const startFollowers = async (): Promise<ReadonlyMap<string, RevocationFeedFollower>> => {
  const followers = new Map(
    addresses.map((address) => {
      const pool = fixture.peerPool('gateway', port, [address, ...addresses]);
      const follower = createRevocationFeedFollower({ pool, signal: ended.signal, logger });
      void follower.run();
      return [`gateway by ${address}`, follower];
    }),
  );
  await eventually(() => [...followers.values()].every((follower) => follower.isReady()));
  return followers;
};
const more = (traffic: { acknowledged(): number }, count = 30): Promise<void> => {
  const before = traffic.acknowledged();
  return eventually(() => traffic.acknowledged() >= before + count, deadlineMilliseconds);
};

describe('followers of the feed of revocations', () => {
  it('lose nothing over crashes of the database', async () => {
    const traffic = startFeedTraffic(store, await startFollowers());
    for (let crash = 0; crash < 3; crash += 1) {
      await more(traffic);
      await fixture.postgres.kill();
      await fixture.postgres.restart();
    }
    await more(traffic);
    await traffic.stop();
    await eventually(traffic.isTold, deadlineMilliseconds);
    expect(findFeedFaults(traffic.history())).toEqual([]);
  });

  it('lose nothing over a failover to a standby that lagged, where transaction ids are used again', async () => {
    const followers = await startFollowers();
    const before = startFeedTraffic(store, followers);
    await more(before);
    await standby.catchUp();
    // What is acknowledged from here on, the new primary will never have heard of; and it begins with lower ids.
    await standby.pause();
    await more(before, 200);
    // What nobody has been told of when a primary dies is lost with it, as all that its standby has not got.
    await before.stop();
    await eventually(before.isTold, deadlineMilliseconds);
    await fixture.postgres.kill();
    const after = startFeedTraffic(store, followers);
    await standby.restart();
    await standby.promote();
    primaryPort = standby.port;
    await more(after);
    // One that begins after the failover, and knows nothing of before, is as good to go on at.
    await services[0]?.stop();
    services[0] = await fixture.start({ listenAddress: addresses[0], port });
    await more(after);
    await after.stop();
    for (const { isTold, history } of [before, after]) {
      await eventually(isTold, deadlineMilliseconds);
      expect(findFeedFaults(history())).toEqual([]);
    }
  });
});
