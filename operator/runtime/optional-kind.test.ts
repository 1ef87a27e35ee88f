import { describe, expect, onTestFinished, test } from 'vitest';
import { InformerCache } from './informer-cache.ts';
import type { ListPage, WatchOptions } from './kubernetes-client.ts';
import { KubernetesError } from './kubernetes-error.ts';
import type { LiveObject } from './kubernetes-object.ts';
import { type OptionalKind, type OptionalRun, permittedKind, servedKind } from './optional-kind.ts';
import { builtInResources, type ResourceKind } from './resource-kind.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { silentLog } from './testing/silent-log.ts';

const widgets: ResourceKind = { apiVersion: 'example.com/v1', kind: 'Widget', plural: 'widgets', namespaced: true };

const object = (resource: ResourceKind, name: string): LiveObject => ({
  apiVersion: resource.apiVersion,
  kind: resource.kind,
  metadata: { name, uid: `uid-${name}`, resourceVersion: '1' },
});

const refusal = (status: number, reason: string) => new KubernetesError({ message: reason, status, reason });

/** An API server as far as one optional kind sees it. A change of the definition ends the watches, so that all is listed anew. */
const createServer = () => {
  const state = {
    definition: false,
    served: false,
    mayReadDefinitions: true,
    mayReadWidgets: true,
    discoveryFails: false,
    widgets: ['one'],
  };
  const asked: string[] = [];
  let ended = new AbortController();
  const page = (items: LiveObject[]): ListPage<LiveObject> => ({ items, resourceVersion: '1' });
  const client = {
    list: async (resource: ResourceKind, options: { fieldSelector?: string; representation?: string }) => {
      if (resource === builtInResources.customResourceDefinitions) {
        if (!state.mayReadDefinitions) throw refusal(403, 'Forbidden');
        expect(options).toMatchObject({
          fieldSelector: 'metadata.name=widgets.example.com',
          representation: 'metadata',
        });
        return page(state.definition ? [object(resource, 'widgets.example.com')] : []);
      }
      asked.push('list');
      if (!state.mayReadWidgets) throw refusal(403, 'Forbidden');
      if (!state.served) throw refusal(404, 'NotFound');
      return page(state.widgets.map((name) => object(resource, name)));
    },
    watch: async function* (_: ResourceKind, { resourceVersion, signal }: WatchOptions & { signal: AbortSignal }) {
      if (resourceVersion === undefined) throw refusal(422, 'Invalid');
      const over = AbortSignal.any([signal, ended.signal]);
      await new Promise<void>((resolve) => over.addEventListener('abort', () => resolve(), { once: true }));
      signal.throwIfAborted();
      yield* [];
      throw refusal(410, 'Expired');
    },
    isServed: async () => {
      asked.push('discovery');
      if (state.discoveryFails) throw refusal(503, 'ServiceUnavailable');
      return state.served;
    },
    // A fake of three verbs; what they answer is of the kind that is asked for.
  } as unknown as OptionalRun['client'];
  const change = (next: Partial<typeof state>): void => {
    Object.assign(state, next);
    const before = ended;
    ended = new AbortController();
    before.abort();
  };
  return { state, asked, client, change };
};

const start = (server: ReturnType<typeof createServer>, build = servedKind) => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const cache = new InformerCache<string>({ project: ({ metadata }) => metadata.name });
  const kind: OptionalKind = build(widgets, cache);
  const changes: boolean[] = [];
  kind.onAvailability(() => changes.push(kind.isAvailable()));
  const running = kind.run({ client: server.client, signal: stop.signal, clock, random: () => 0.5, log: silentLog });
  onTestFinished(async () => {
    stop.abort();
    await running;
    expect(clock.pending).toBe(0);
  });
  const isSettled = async (): Promise<boolean> => {
    const now = new AbortController();
    const settled = kind.waitForSync(now.signal);
    now.abort();
    return settled;
  };
  return { kind, cache, clock, changes, isSettled };
};

describe('servedKind', () => {
  test('follows a definition that comes, goes and comes again', async () => {
    const server = createServer();
    const { kind, cache, clock, changes, isSettled } = start(server);
    await clock.advance(10);
    expect([await isSettled(), kind.isAvailable(), cache.size]).toEqual([true, false, 0]);

    server.change({ definition: true, served: true });
    await clock.advance(1_000);
    expect([kind.isAvailable(), cache.list()]).toEqual([true, ['one']]);

    server.change({ definition: false, served: false });
    await clock.advance(1_000);
    expect([kind.isAvailable(), cache.list()]).toEqual([false, []]);

    server.change({ definition: true, served: true, widgets: ['two'] });
    await clock.advance(1_000);
    expect([kind.isAvailable(), cache.list()]).toEqual([true, ['two']]);
    expect(changes).toEqual([true, false, true]);
  });

  test('is not settled before the cache is complete', async () => {
    const server = createServer();
    server.change({ definition: true, served: true, discoveryFails: true });
    const { kind, clock, isSettled } = start(server);
    await clock.advance(1_000);
    expect(await isSettled()).toBe(false);
    server.change({ discoveryFails: false });
    await clock.advance(30_000);
    expect([await isSettled(), kind.isAvailable()]).toEqual([true, true]);
  });

  test('asks again while discovery lags behind the definition, and gives up on one that lacks the version', async () => {
    const server = createServer();
    const { kind, clock } = start(server);
    await clock.advance(10);
    server.change({ definition: true });
    await clock.advance(5_000);
    expect(kind.isAvailable()).toBe(false);
    server.state.served = true;
    await clock.advance(30_000);
    expect(kind.isAvailable()).toBe(true);

    server.change({ definition: false, served: false });
    await clock.advance(1_000);
    server.change({ definition: true });
    await clock.advance(600_000);
    server.asked.length = 0;
    await clock.advance(3_600_000);
    expect(server.asked).toEqual([]);
  });

  test('asks no more for a kind that nobody has installed', async () => {
    const server = createServer();
    const { clock } = start(server);
    await clock.advance(1_000);
    server.asked.length = 0;
    await clock.advance(3_600_000);
    expect(server.asked).toEqual([]);
  });

  test('asks discovery every three minutes where definitions may not be read', async () => {
    const server = createServer();
    server.change({ mayReadDefinitions: false });
    const { kind, clock, isSettled } = start(server);
    await clock.advance(10);
    expect([await isSettled(), kind.isAvailable()]).toEqual([true, false]);
    server.state.served = true;
    await clock.advance(181_000);
    expect(kind.isAvailable()).toBe(true);
    server.state.served = false;
    await clock.advance(181_000);
    expect(kind.isAvailable()).toBe(false);
  });

  test('a kind that may not be read is as one that is not served, until it may', async () => {
    const server = createServer();
    server.change({ definition: true, served: true, mayReadWidgets: false });
    const { kind, clock, isSettled } = start(server);
    await clock.advance(1_000);
    expect([await isSettled(), kind.isAvailable()]).toEqual([true, false]);
    server.state.mayReadWidgets = true;
    await clock.advance(400_000);
    expect(kind.isAvailable()).toBe(true);
  });
});

describe('permittedKind', () => {
  test('is settled also when it may not be read, and asked for seldom', async () => {
    const server = createServer();
    server.change({ served: true, mayReadWidgets: false });
    const { kind, clock, isSettled } = start(server, permittedKind);
    await clock.advance(200_000);
    expect([await isSettled(), kind.isAvailable(), server.asked]).toEqual([true, false, ['list']]);
    server.state.mayReadWidgets = true;
    await clock.advance(200_000);
    expect(kind.isAvailable()).toBe(true);
  });
});
