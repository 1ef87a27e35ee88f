import { join } from 'node:path';
import { pino } from 'pino';
import { type AuthFixture, putClient, shop, startAuthFixture } from '../auth/testing/auth-fixture.ts';
import type { Browser, Send } from '../auth/testing/browser.ts';
import { internalStateSchema } from '../shared/contracts/internal-state.ts';
import { eventually } from '../shared/testing/condition.ts';
import { startRedis } from '../shared/testing/redis.ts';
import { type SpawnedService, spawnService } from '../shared/testing/spawned-service.ts';
import type { TokenStoreClient } from '../token-store/client/token-store-client.ts';
import { testLiveSettings } from '../token-store/testing/token-store-fixture.ts';
import { type LossyRelay, startLossyRelay } from './failpoint/lossy-relay.ts';
import { television } from './traffic/single-use-race.ts';

/** A process that can be killed, and then comes again at the same address. */
export type Member = { readonly name: string; killAndRestart(): Promise<void> };

/** Two auth and two token-store processes over one PostgreSQL and one Redis, with relays on every way between them. */
export type Stage = {
  readonly members: readonly Member[];
  readonly relays: readonly LossyRelay[];
  readonly issuer: string;
  /** As the gateway, to both auth processes in turn. */
  readonly send: Send;
  /** As the operator, to the same. */
  readonly operator: Send;
  browser(): Browser;
  /** Speaks to both token-stores as auth does, on a way of its own where nothing gets lost. */
  readonly store: TokenStoreClient;
  readonly fixture: AuthFixture;
  stop(): Promise<void>;
};

/** Every address of 127.0.0.0/8 is this machine. */
const storeAddresses = ['127.0.0.2', '127.0.0.3'] as const;
const issuerOf = (fixture: AuthFixture): string => fixture.settings().issuer;
const tokenStoreProgram = join(import.meta.dirname, '..', 'token-store', 'main.ts');

type Restartable = Member & { current(): SpawnedService };

const createMember = async (
  name: string,
  start: (ports: SpawnedService['ports'] | undefined) => Promise<SpawnedService>,
): Promise<Restartable> => {
  let service = await start(undefined);
  return {
    name,
    current: () => service,
    killAndRestart: async () => {
      const { ports } = service;
      await service.kill();
      service = await start(ports);
    },
  };
};

const awaitClient = async (fixture: AuthFixture, services: () => readonly SpawnedService[]): Promise<void> => {
  const operator = fixture.send('operator', services);
  await putClient(operator, television);
  const revision = await putClient(operator, shop);
  for (const service of services()) {
    const ask = fixture.send('operator', () => [service]);
    await eventually(async () => {
      const response = await ask(new URL('/internal/state', issuerOf(fixture)), {});
      return internalStateSchema.parse(await response.json()).clientRegistryRevision === revision;
    });
  }
};

/** Starts all of it; ready when every auth process knows the client of `shop`. */
export const startStage = async (): Promise<Stage> => {
  const fixture = await startAuthFixture(pino({ level: 'silent' }));
  const started: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    for (const one of started.reverse()) await one.stop();
    await fixture.stop();
  };
  try {
    // Processes take the place of the fixture's own.
    await fixture.stopTokenStore();
    const relay = async (...parameters: Parameters<typeof startLossyRelay>): Promise<LossyRelay> => {
      const made = await startLossyRelay(...parameters);
      started.push({ stop: () => made.close() });
      return made;
    };
    const member = async (...parameters: Parameters<typeof createMember>): Promise<Restartable> => {
      const made = await createMember(...parameters);
      started.push({ stop: () => made.current().stop() });
      return made;
    };

    const databaseUrl = new URL(fixture.store.roleUrl('token-store'));
    const database = { host: databaseUrl.hostname, port: Number(databaseUrl.port) };
    const databaseRelay = await relay('127.0.0.1', () => database);
    databaseUrl.port = String(databaseRelay.port);
    databaseUrl.hostname = '127.0.0.1';
    const urlFile = fixture.store.writeFile('relayed-url', databaseUrl.href);
    // Their logs tell the ports.
    fixture.store.writeFile('live/live.json', JSON.stringify(testLiveSettings('info')));

    const redis = await startRedis();
    started.push({ stop: () => redis.stop() });
    const cacheUrlFile = fixture.store.writeFile('cache-url', `redis://127.0.0.1:${redis.port}`);

    const startStore = (address: string) => (ports: SpawnedService['ports'] | undefined) => {
      const settings = fixture.store.settings(address);
      const path = fixture.store.writeFile(
        `store-${address}.json`,
        JSON.stringify({
          ...settings,
          port: ports?.['token-store'] ?? 0,
          database: { ...settings.database, urlFile },
          cache: { urlFile: cacheUrlFile },
        }),
      );
      return spawnService(tokenStoreProgram, path, address);
    };
    const stores = [];
    const storeRelays = [];
    let relayPort = 0;
    for (const address of storeAddresses) {
      const store = await member(`token-store at ${address}`, startStore(address));
      const target = () => ({ host: address, port: store.current().ports['token-store'] ?? 0 });
      // Of one peer all addresses have one port.
      const made = await relay(address.replace('127.0.0.', '127.0.1.'), target, relayPort);
      relayPort = made.port;
      stores.push(store);
      storeRelays.push(made);
    }

    const startAuth = (own: string, other: string) => (ports: SpawnedService['ports'] | undefined) =>
      fixture.startProcess(undefined, {
        port: ports?.['auth'] ?? 0,
        tokenStore: { headlessHost: own, fallbackHost: other, port: relayPort },
      });
    const auths = [
      await member('auth 1', startAuth('127.0.1.2', '127.0.1.3')),
      await member('auth 2', startAuth('127.0.1.3', '127.0.1.2')),
    ];
    const services = () => auths.map((auth) => auth.current());
    await awaitClient(fixture, services);
    return {
      members: [...stores, ...auths, { name: 'Redis', killAndRestart: () => redis.kill().then(() => redis.restart()) }],
      relays: [databaseRelay, ...storeRelays],
      issuer: issuerOf(fixture),
      send: fixture.send('gateway', services),
      operator: fixture.send('operator', services),
      browser: () => fixture.browser(services),
      store: fixture.store.client(relayPort, ['127.0.1.2', '127.0.1.3']),
      fixture,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
