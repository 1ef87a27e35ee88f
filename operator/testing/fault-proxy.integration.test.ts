import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { connectClient } from '../runtime/testing/connect.ts';
import type { WatchEvent } from '../runtime/watch-stream.ts';
import { startControlPlane, type TestControlPlane } from './control-plane.ts';
import { type Fault, onNth } from './fault-proxy/fault.ts';
import { type FaultProxy, type FaultProxyOptions, startFaultProxy } from './fault-proxy.ts';

const { configMaps, namespaces, nodes } = builtInResources;
const namespace = 'default';

describe('the fault proxy', () => {
  let plane: TestControlPlane;
  /** Straight to the API server. */
  let direct: KubernetesClient;

  beforeAll(async () => {
    plane = await startControlPlane({ nodes: false, controllerManager: false });
    direct = connectClient(plane);
  });
  afterAll(async () => {
    await direct?.close();
    await plane?.stop();
  });

  const start = async (options: Partial<FaultProxyOptions> = {}) => {
    const proxy = await startFaultProxy({ kubeconfig: plane.kubeconfig, ...options });
    const client = connectClient({ kubeconfig: proxy.kubeconfig, server: '' });
    onTestFinished(async () => {
      await client.close();
      await proxy.close();
    });
    return { proxy, client };
  };

  const configMap = (name: string, data: Record<string, string> = {}, within = namespace) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: within },
    data,
  });
  const exists = async (name: string) => (await direct.get({ resource: configMaps, namespace, name })) !== undefined;

  it('passes on what it is given and records it with its outcome', async () => {
    const { proxy, client } = await start();
    await client.applyServerSide(configMap('passed'));
    await client.applyServerSide(configMap('passed', { changed: 'yes' }));
    expect(await client.get({ resource: configMaps, namespace, name: 'absent' })).toBeUndefined();
    expect(await client.delete({ resource: configMaps, namespace, name: 'passed' })).toBe(true);
    expect(proxy.calls.map(({ verb, name, status }) => [verb, name, status])).toEqual([
      ['apply', 'passed', 201],
      ['apply', 'passed', 200],
      ['get', 'absent', 404],
      ['delete', 'passed', 200],
    ]);
  });

  it.each<{ fault: Fault; error: RegExp; committed: boolean }>([
    { fault: { kind: 'cut-before' }, error: /UND_ERR_SOCKET|ECONNRESET/, committed: false },
    { fault: { kind: 'cut-after' }, error: /UND_ERR_SOCKET|ECONNRESET/, committed: true },
    { fault: { kind: 'cut-within' }, error: /UND_ERR_SOCKET|ECONNRESET|terminated/, committed: true },
    { fault: { kind: 'time-out' }, error: /504 Timeout/, committed: true },
    { fault: { kind: 'refuse', status: 409 }, error: /409 Conflict/, committed: false },
    { fault: { kind: 'refuse', status: 500 }, error: /500 InternalError/, committed: false },
    { fault: { kind: 'refuse', status: 503 }, error: /503 ServiceUnavailable/, committed: false },
  ])('$fault: the client hears $error, committed: $committed', async ({ fault, error, committed }) => {
    const { proxy, client } = await start();
    const name = `fault-${fault.kind}-${'status' in fault ? fault.status : 'none'}`;
    proxy.plan = onNth(2, ({ verb }) => verb === 'create', fault);
    await client.create(configMap(`${name}-first`));
    await expect(client.create(configMap(name))).rejects.toThrow(error);
    expect(await exists(name)).toBe(committed);
    expect(proxy.calls.map((call) => call.fault)).toEqual([undefined, fault.kind]);
    // The next one goes through again.
    await client.create(configMap(`${name}-third`));
  });

  it('says with a 429 when to come back, and whoever waits gets through', async () => {
    const { proxy, client } = await start();
    proxy.plan = onNth(1, () => true, { kind: 'refuse', status: 429, retryAfterSeconds: 0 });
    await client.create(configMap('busy'));
    expect(proxy.calls.map(({ status }) => status)).toEqual([undefined, 201]);
  });

  it('never answers under silence, and what was asked is done', async () => {
    const { proxy, client } = await start();
    proxy.plan = onNth(1, () => true, { kind: 'silence' });
    const leave = new AbortController();
    const asked = client.create(configMap('silent'), { signal: leave.signal });
    await expect.poll(() => exists('silent')).toBe(true);
    leave.abort(new Error('nobody answers'));
    await expect(asked).rejects.toThrow('nobody answers');
  });

  it.each(['kill-before', 'kill-after'] as const)('after %s nothing reaches the API server any more', async (kind) => {
    const { proxy, client } = await start();
    proxy.plan = onNth(2, () => true, { kind });
    await client.create(configMap(`${kind}-first`));
    await expect(client.create(configMap(`${kind}-second`))).rejects.toThrow();
    await proxy.killed;
    await expect(client.create(configMap(`${kind}-third`))).rejects.toThrow();
    await proxy.close();
    expect(await Promise.all(['first', 'second', 'third'].map((name) => exists(`${kind}-${name}`)))).toEqual([
      true,
      kind === 'kill-after',
      false,
    ]);
  });

  it('serves lists and gets as of an earlier version', async () => {
    const { proxy, client } = await start();
    const first = await direct.create(configMap('stale', { value: 'old' }));
    await direct.applyServerSide(configMap('stale', { value: 'new' }));
    await direct.create(configMap('stale-later'));
    const { resourceVersion } = first.metadata;
    proxy.plan = () => ({ kind: 'stale', resourceVersion });
    const dataOf = (object: (LiveObject & { data?: Record<string, string> }) | undefined) => object?.data?.['value'];
    const { items } = await client.list(configMaps, { namespace, limit: 500 });
    expect(items.map(({ metadata }) => metadata.name)).not.toContain('stale-later');
    expect(dataOf(items.find(({ metadata }) => metadata.name === 'stale'))).toBe('old');
    expect(dataOf(await client.get({ resource: configMaps, namespace, name: 'stale' }))).toBe('old');
    expect(await client.get({ resource: configMaps, namespace, name: 'stale-later' })).toBeUndefined();
  });

  it('shows a client that asks for all namespaces one alone, and cluster-scoped kinds whole', async () => {
    await direct.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'within' } });
    await direct.create(configMap('seen', {}, 'within'));
    await direct.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node' } });
    const { client } = await start({ namespace: 'within' });
    const names = async (resource: typeof configMaps | typeof nodes) =>
      (await client.list(resource)).items.map(({ metadata }) => metadata.name);
    expect(await names(configMaps)).toEqual(['seen']);
    expect(await names(nodes)).toEqual(['node']);
    expect(await names(namespaces)).toContain('default');
  });

  describe('watches', () => {
    /** What a watch of ConfigMaps from now on tells, until it ends; bookmarks left out. */
    const watch = async ({ client, proxy }: { client: KubernetesClient; proxy: FaultProxy }) => {
      const { resourceVersion } = await direct.list(configMaps, { namespace });
      const before = proxy.calls.filter(({ verb }) => verb === 'watch').length;
      const told: string[] = [];
      const stop = new AbortController();
      const options = { namespace, resourceVersion, timeoutSeconds: 60, idleTimeoutMs: 60_000, signal: stop.signal };
      const ended = (async () => {
        for await (const event of client.watch(configMaps, options) as AsyncIterable<WatchEvent>)
          if (event.type !== 'BOOKMARK') told.push(event.object.metadata.name);
        return 'ended';
      })().catch((error: Error) => error.message);
      onTestFinished(() => stop.abort());
      await expect
        .poll(() => proxy.calls.filter(({ verb, status }) => verb === 'watch' && status === 200))
        .toHaveLength(before + 1);
      return { told, ended };
    };
    const create = async (...names: string[]) => {
      for (const name of names) await direct.create(configMap(name));
    };

    it('lag by as many events as they are told, and catch up', async () => {
      const stage = await start();
      stage.proxy.watches.lag = 2;
      const { told } = await watch(stage);
      await create('lag-1', 'lag-2', 'lag-3', 'lag-4');
      await expect.poll(() => told).toEqual(['lag-1', 'lag-2']);
      expect(stage.proxy.watches.waiting()).toEqual(['configmaps']);
      stage.proxy.watches.open();
      await expect.poll(() => told).toEqual(['lag-1', 'lag-2', 'lag-3', 'lag-4']);
    });

    it('stand still until they are released, one event at a time', async () => {
      const stage = await start();
      stage.proxy.watches.lag = Number.POSITIVE_INFINITY;
      const { told } = await watch(stage);
      await create('held-1', 'held-2');
      await expect.poll(() => stage.proxy.watches.waiting()).toEqual(['configmaps']);
      expect(told).toEqual([]);
      expect(stage.proxy.watches.releaseNext()).toBe(true);
      await expect.poll(() => told).toEqual(['held-1']);
    });

    it('show the list that they begin with, whatever is held of what comes after it', async () => {
      const stage = await start();
      await create('listed');
      stage.proxy.watches.lag = Number.POSITIVE_INFINITY;
      const stop = new AbortController();
      onTestFinished(() => stop.abort());
      const options = { namespace, timeoutSeconds: 60, idleTimeoutMs: 60_000, signal: stop.signal };
      const names: string[] = [];
      for await (const event of stage.client.watch(configMaps, { ...options, resourceVersion: undefined })) {
        if (event.type !== 'BOOKMARK') names.push(event.object.metadata.name);
        else if (event.initialEventsEnd === true) break;
      }
      expect(names).toContain('listed');
    });

    it('lose what they are told to lose', async () => {
      const stage = await start();
      stage.proxy.watches.drop = ({ name, type }) => name === 'lost' && type === 'ADDED';
      const { told } = await watch(stage);
      await create('lost', 'found');
      await expect.poll(() => told).toEqual(['found']);
    });

    it('end in an orderly way, or with a 410', async () => {
      const stage = await start();
      const orderly = await watch(stage);
      stage.proxy.watches.end('configmaps');
      expect(await orderly.ended).toBe('ended');
      const expiring = await watch(stage);
      stage.proxy.watches.expire();
      expect(await expiring.ended).toMatch(/410 Expired/);
    });
  });
});
