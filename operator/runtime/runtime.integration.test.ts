import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startControlPlane, type TestControlPlane } from '../testing/control-plane.ts';
import { systemClock } from './clock.ts';
import { runController } from './controller.ts';
import { createEventRecorder } from './event-recorder.ts';
import { InformerCache } from './informer-cache.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { KubernetesError } from './kubernetes-error.ts';
import { type LiveObject, parseObjectKey } from './kubernetes-object.ts';
import { type LeaderElectionOptions, runLeaderElection } from './leader-election.ts';
import { servedKind } from './optional-kind.ts';
import { type ReflectorOptions, runReflector } from './reflector.ts';
import { builtInResources } from './resource-kind.ts';
import { connectClient } from './testing/connect.ts';
import { type LoopbackProxy, startLoopbackProxy } from './testing/loopback-proxy.ts';
import { silentLog } from './testing/silent-log.ts';
import { WorkQueue } from './work-queue.ts';

interface ConfigMap extends LiveObject {
  readonly data?: Readonly<Record<string, string>>;
}

const configMap = (name: string, namespace: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

const run = promisify(execFile);

describe('the runtime against a real API server', () => {
  let plane: TestControlPlane;
  let client: KubernetesClient;

  beforeAll(async () => {
    plane = await startControlPlane({
      nodes: false,
      controllerManager: false,
      // Secrets without the API server's cache, and history forgotten after seconds: their watches expire for real.
      apiServerFlags: () => ['--watch-cache-sizes=secrets#0', '--etcd-compaction-interval=1s'],
    });
    client = connectClient(plane);
  });
  afterAll(async () => {
    await client?.close();
    await plane?.stop();
  });

  /** A reflector of one namespace's ConfigMaps (or what `options` says) through a proxy, with its cache of `data.value`. */
  const startReflector = async (
    namespace: string,
    { streams = true, ...options }: Partial<ReflectorOptions<ConfigMap>> & { streams?: boolean } = {},
  ) => {
    await client.applyServerSide({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const proxy: LoopbackProxy = await startLoopbackProxy(Number(new URL(plane.server).port));
    const proxied = connectClient(plane, { port: proxy.port });
    const counts = { lists: 0, streams: 0, watches: 0 };
    const counting: KubernetesClient = {
      ...proxied,
      list: (resource, listOptions) => {
        if (listOptions?.continue === undefined) counts.lists += 1;
        return proxied.list(resource, listOptions);
      },
      watch: (resource, watchOptions) => {
        counts.watches += 1;
        if (watchOptions.resourceVersion === undefined) {
          if (!streams) throw new KubernetesError({ message: 'no streams', status: 422, reason: 'Invalid' });
          counts.streams += 1;
        }
        return proxied.watch(resource, watchOptions);
      },
    };
    const cache = new InformerCache<string, ConfigMap>({
      project: ({ data }) => data?.['value'] ?? '',
      namespaces: [namespace],
    });
    const stop = new AbortController();
    const running = runReflector<ConfigMap>({
      client: counting,
      resource: builtInResources.configMaps,
      namespace,
      store: cache,
      signal: stop.signal,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
      ...options,
    });
    onTestFinished(async () => {
      stop.abort();
      await running;
      await proxied.close();
      await proxy.close();
    });
    expect(await cache.waitForSync(AbortSignal.timeout(20_000))).toBe(true);
    await expect.poll(() => counts.watches, { timeout: 20_000 }).toBeGreaterThanOrEqual(1);
    return { cache, proxy, counts, stop, running };
  };

  const write = (namespace: string, name: string, value: string) =>
    client.applyServerSide(configMap(name, namespace, { value }));

  test.each([
    { how: 'in pages', streams: false, expected: { lists: 1, streams: 0 } },
    { how: 'by the watch itself', streams: true, expected: { lists: 0, streams: 1 } },
  ])('lists $how and then follows changes', async ({ streams, expected }) => {
    const namespace = `follow-${streams}`;
    await client.applyServerSide({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const names = Array.from({ length: 7 }, (_, index) => `before-${index}`);
    await Promise.all(names.map((name) => write(namespace, name, '1')));
    const { cache, counts, stop, running } = await startReflector(namespace, { pageSize: 3, streams });
    expect(names.map((name) => cache.get(namespace, name))).toEqual(names.map(() => '1'));
    await write(namespace, 'before-0', '2');
    await write(namespace, 'after', '1');
    await client.delete({ resource: builtInResources.configMaps, namespace, name: 'before-1' });
    await expect
      .poll(() => ['before-0', 'before-1', 'after'].map((name) => cache.get(namespace, name)), { timeout: 20_000 })
      .toEqual(['2', undefined, '1']);
    expect(counts).toMatchObject(expected);
    stop.abort();
    await running;
  });

  test('resumes after its connection was reset, without a new list and without loss', async () => {
    const namespace = 'reset';
    const { cache, proxy, counts } = await startReflector(namespace);
    for (let round = 1; round <= 3; round += 1) {
      await write(namespace, `early-${round}`, 'seen');
      proxy.cut();
      // Written while nobody watches.
      await write(namespace, `late-${round}`, 'seen');
      await expect
        .poll(() => [cache.get(namespace, `early-${round}`), cache.get(namespace, `late-${round}`)], {
          timeout: 20_000,
        })
        .toEqual(['seen', 'seen']);
    }
    expect(counts.watches).toBeGreaterThanOrEqual(4);
    expect(counts).toMatchObject({ lists: 0, streams: 1 });
  });

  test('notices a connection that has silently stalled', async () => {
    const namespace = 'stall';
    const { cache, proxy, counts } = await startReflector(namespace, { stallTimeoutMs: 1_500 });
    await write(namespace, 'before', 'seen');
    await expect.poll(() => cache.get(namespace, 'before'), { timeout: 20_000 }).toBe('seen');
    proxy.freeze();
    await write(namespace, 'unseen', 'seen');
    await expect.poll(() => cache.get(namespace, 'unseen'), { timeout: 30_000 }).toBe('seen');
    expect(counts).toMatchObject({ lists: 0, streams: 1 });
  });

  test('lists anew when its resourceVersion is too old, and drops what is gone', async () => {
    const namespace = 'expired';
    const resource = builtInResources.secrets;
    const { cache, proxy, counts } = await startReflector(namespace, { resource });
    const doomed = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'doomed', namespace },
      data: { value: 'MQ==' },
    };
    const { metadata } = await client.create(doomed);
    await expect.poll(() => cache.get(namespace, 'doomed'), { timeout: 20_000 }).toBe('MQ==');
    const changes: string[] = [];
    cache.onChange(({ type, key, source }) => changes.push(`${type} ${key} ${source}`));

    proxy.block();
    await client.delete({ resource, namespace, name: 'doomed' });
    // Until the API server has forgotten what the reflector saw last.
    const resumes = async (): Promise<unknown> => {
      const { resourceVersion } = metadata;
      const watch = client.watch(resource, { namespace, resourceVersion, timeoutSeconds: 1, idleTimeoutMs: 5_000 });
      for await (const event of watch) return event.type;
      return 'nothing';
    };
    await expect
      .poll(() => resumes().catch((error: unknown) => error), { timeout: 60_000 })
      .toMatchObject({
        status: 410,
      });
    proxy.unblock();

    await expect.poll(() => cache.get(namespace, 'doomed'), { timeout: 30_000 }).toBeUndefined();
    expect(counts.lists + counts.streams).toBe(2);
    expect(changes).toEqual([`deleted ${namespace}/doomed list`]);
  });

  test('lists anew after its period, even if all is well', async () => {
    const { counts } = await startReflector('relist', { relistPeriodMs: 1_000 });
    await expect.poll(() => counts.streams, { timeout: 30_000 }).toBeGreaterThanOrEqual(3);
  });

  test('waits for an API server that is not there yet', async () => {
    const stop = new AbortController();
    const proxy = await startLoopbackProxy(Number(new URL(plane.server).port));
    await proxy.close();
    const unreachable = connectClient(plane, { port: proxy.port });
    const cache = new InformerCache<string, ConfigMap>({ project: ({ metadata }) => metadata.name });
    let isThere = false;
    const running = runReflector<ConfigMap>({
      client: {
        list: (resource, options) => (isThere ? client : unreachable).list(resource, options),
        watch: (resource, options) => (isThere ? client : unreachable).watch(resource, options),
      },
      resource: builtInResources.configMaps,
      store: cache,
      signal: stop.signal,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
    });
    expect(await cache.waitForSync(AbortSignal.timeout(1_000))).toBe(false);
    isThere = true;
    expect(await cache.waitForSync(AbortSignal.timeout(20_000))).toBe(true);
    stop.abort();
    await running;
    await unreachable.close();
  });

  test('a kind is followed when its definition comes after the start, and when it goes', async () => {
    const gadgets = { apiVersion: 'example.com/v1', kind: 'Gadget', plural: 'gadgets', namespaced: true };
    const gadget = connectClient(plane, { resources: [gadgets] });
    const cache = new InformerCache<string, LiveObject>({ project: ({ metadata }) => metadata.name });
    const kind = servedKind(gadgets, cache);
    const stop = new AbortController();
    const running = kind.run({
      client: gadget,
      signal: stop.signal,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
    });
    onTestFinished(async () => {
      stop.abort();
      await running;
      await gadget.close();
    });
    expect(await kind.waitForSync(AbortSignal.timeout(20_000))).toBe(true);
    expect(kind.isAvailable()).toBe(false);

    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const definition = {
      resource: builtInResources.customResourceDefinitions,
      name: 'gadgets.example.com',
    };
    const install = () =>
      client.applyServerSide({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: definition.name },
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
          versions: [{ name: 'v1', served: true, storage: true, schema }],
        },
      });
    for (const name of ['first', 'second']) {
      await install();
      await expect.poll(kind.isAvailable, { timeout: 20_000 }).toBe(true);
      await gadget.create({ apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name, namespace: 'default' } });
      await expect.poll(() => cache.list(), { timeout: 20_000 }).toEqual([name]);
      await client.delete(definition);
      await expect.poll(kind.isAvailable, { timeout: 20_000 }).toBe(false);
      expect(cache.list()).toEqual([]);
    }
  });

  test('from watch to reconcile: a controller keeps a copy of each object, and repairs it', async () => {
    const namespace = 'controller';
    const { cache, stop } = await startReflector(namespace);
    const queue = new WorkQueue({ clock: systemClock, random: Math.random });
    cache.onChange(({ key, source }) => queue.add(key, source === 'list' ? 'low' : 'normal'));
    const running = runController({
      name: 'copy',
      queue,
      reconcile: async (key, signal) => {
        const { name } = parseObjectKey(key);
        const origin = name.replace(/^copy-of-/, '');
        const value = cache.get(namespace, origin);
        const copy = `copy-of-${origin}`;
        if (value === undefined || cache.get(namespace, copy) === value) return {};
        await client.applyServerSide(configMap(copy, namespace, { value }), { signal });
        return {};
      },
      concurrency: 4,
      timeoutMs: 10_000,
      stop: stop.signal,
      clock: systemClock,
      log: silentLog,
    });
    await Promise.all(['a', 'b', 'c'].map((name) => write(namespace, name, '1')));
    const copies = () => ['a', 'b', 'c'].map((name) => cache.get(namespace, `copy-of-${name}`));
    await expect.poll(copies, { timeout: 20_000 }).toEqual(['1', '1', '1']);
    await client.patchMerge(
      { resource: builtInResources.configMaps, namespace, name: 'copy-of-b' },
      { data: { value: 'drifted' } },
    );
    await expect.poll(() => cache.get(namespace, 'copy-of-b'), { timeout: 20_000 }).toBe('1');
    stop.abort();
    await running;
  });

  test('of two candidates one leads; the other takes over from a dead one and from one that leaves', async () => {
    const proxy = await startLoopbackProxy(Number(new URL(plane.server).port));
    const doomed = connectClient(plane, { port: proxy.port });
    const candidate = (identity: string, through: KubernetesClient) => {
      const stop = new AbortController();
      const state = { leads: false };
      const result = runLeaderElection({
        client: through,
        namespace: 'default',
        name: 'election',
        identity,
        // The real proportions, faster.
        leaseDurationMs: 2_000,
        renewDeadlineMs: 1_200,
        retryPeriodMs: 200,
        lead: async ({ lost }) => {
          state.leads = true;
          const over = AbortSignal.any([lost, stop.signal]);
          await new Promise<void>((resolve) => {
            if (over.aborted) return resolve();
            over.addEventListener('abort', () => resolve(), { once: true });
          });
          state.leads = false;
        },
        stop: stop.signal,
        clock: systemClock,
        random: Math.random,
        log: silentLog,
      } satisfies LeaderElectionOptions);
      return { stop, state, result };
    };
    const holder = async () => {
      const lease = await client.get<LiveObject & { spec: { holderIdentity?: string } }>({
        resource: builtInResources.leases,
        namespace: 'default',
        name: 'election',
      });
      return lease?.spec.holderIdentity;
    };

    const one = candidate('one', doomed);
    await expect.poll(() => one.state.leads, { timeout: 20_000 }).toBe(true);
    const two = candidate('two', client);
    await proxy.close();
    expect(await one.result).toBe('lost');
    expect(one.state.leads).toBe(false);
    await expect.poll(() => two.state.leads, { timeout: 20_000 }).toBe(true);
    expect(await holder()).toBe('two');

    const three = candidate('three', client);
    two.stop.abort();
    expect(await two.result).toBe('stopped');
    await expect.poll(() => three.state.leads, { timeout: 20_000 }).toBe(true);
    three.stop.abort();
    expect(await three.result).toBe('stopped');
    expect(await holder()).toBe('');
    await doomed.close();
  });

  test('events are seen by kubectl describe, counted', async () => {
    const recorder = createEventRecorder({
      client,
      component: 'runtime-test',
      instance: 'runtime-test-0',
      clock: systemClock,
      log: silentLog,
    });
    const about = await client.create(configMap('described', 'default'));
    recorder.record(about, { type: 'Normal', reason: 'Applied', message: 'the configuration was applied' });
    recorder.record(about, { type: 'Warning', reason: 'FieldMutated', message: 'a webhook changed data.a' });
    recorder.record(about, { type: 'Warning', reason: 'FieldMutated', message: 'a webhook changed data.a' });
    await recorder.flush();
    const kubectl = path.join(plane.binaries, 'kubectl');
    const { stdout } = await run(kubectl, ['--kubeconfig', plane.kubeconfigPath, 'describe', 'configmap', 'described']);
    const rows = stdout.slice(stdout.indexOf('Events:')).replaceAll(/ +/g, ' ');
    expect(rows).toMatch(/Normal Applied \S+ runtime-test the configuration was applied/);
    expect(rows).toMatch(/Warning FieldMutated \S+ \(x2 over \S+\) runtime-test a webhook changed data\.a/);
  });
});
