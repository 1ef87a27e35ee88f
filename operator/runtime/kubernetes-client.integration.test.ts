import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startControlPlane, type TestControlPlane } from '../testing/control-plane.ts';
import { findApplyReason, withDesiredHash } from './desired-state.ts';
import { isHeldByCreator, planOwnership } from './field-ownership.ts';
import { createKubernetesClient, type KubernetesClient } from './kubernetes-client.ts';
import { KubernetesError } from './kubernetes-error.ts';
import type { LiveObject } from './kubernetes-object.ts';
import { builtInResources, type ResourceKind } from './resource-kind.ts';
import { connectClient } from './testing/connect.ts';
import { defaultedObjects } from './testing/defaulted-objects.ts';
import { startLoopbackProxy } from './testing/loopback-proxy.ts';

interface ConfigMap extends LiveObject {
  readonly data?: Readonly<Record<string, string>>;
}

const widgets: ResourceKind = { apiVersion: 'example.com/v1', kind: 'Widget', plural: 'widgets', namespaced: true };
const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

const configMap = (name: string, data: Record<string, string>, more: Record<string, unknown> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...more },
  data,
});

const refer = (name: string, resource: ResourceKind = builtInResources.configMaps) => ({
  resource,
  namespace: 'default',
  name,
});

/** Of {@link connectClient}. */
const fieldManager = 'runtime-test';

/** What is stored of an object beside the words about it. A change of the spec would raise the generation. */
const contentOf = ({ metadata: { generation }, ...content }: LiveObject): unknown => ({ ...content, generation });

const refused = async (request: Promise<unknown>): Promise<KubernetesError> => {
  const error = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KubernetesError)) throw new Error('expected a refusal', { cause: error });
  return error;
};

describe('a client of a real API server', () => {
  let plane: TestControlPlane;
  let client: KubernetesClient;

  beforeAll(async () => {
    plane = await startControlPlane({ nodes: false, controllerManager: false });
    client = connectClient(plane, { resources: [widgets] });
  });
  afterAll(async () => {
    await client?.close();
    await plane?.stop();
  });

  test('applies, and applying the same again changes nothing', async () => {
    const first = await client.applyServerSide<ConfigMap>(configMap('apply', { a: '1' }));
    expect(first.data).toEqual({ a: '1' });
    const again = await client.applyServerSide(configMap('apply', { a: '1' }));
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    expect(await client.get(refer('apply'))).toMatchObject({ kind: 'ConfigMap', data: { a: '1' } });
  });

  test('takes a field over from another manager, and drops one that is no longer applied', async () => {
    await client.applyServerSide(configMap('force', { a: '1', b: '1' }));
    await client.applyServerSide(configMap('force', { a: '2', c: '2' }), { fieldManager: 'somebody-else' });
    const ours = await client.applyServerSide<ConfigMap>(configMap('force', { a: '3' }));
    expect(ours.data).toEqual({ a: '3', c: '2' });
  });

  test('sees what has to be written: missing, nothing, drifted, changed', async () => {
    const annotation = 'example.com/desired-hash';
    const desired = configMap('drift', { a: '1', b: '1' });
    expect(findApplyReason(desired, await client.get(refer('drift')), annotation)).toEqual({ reason: 'missing' });
    const live = await client.applyServerSide(withDesiredHash(desired, annotation));
    expect(findApplyReason(desired, live, annotation)).toBeUndefined();
    const drifted = await client.patchMerge(refer('drift'), { data: { a: 'x', other: 'y' } });
    expect(findApplyReason(desired, drifted, annotation)).toEqual({ reason: 'drifted', fields: ['data.a'] });
    const changed = findApplyReason(configMap('drift', { a: '1' }), drifted, annotation);
    expect(changed).toEqual({ reason: 'changed' });
  });

  test.each(defaultedObjects)(
    'a $kind with all its defaults does not differ from what was applied',
    async (desired) => {
      const annotation = 'example.com/desired-hash';
      await client.applyServerSide(withDesiredHash(desired, annotation));
      const live = await client.get({ resource: client.resourceOf(desired), namespace: 'default', name: 'defaults' });
      expect(findApplyReason(desired, live, annotation)).toBeUndefined();
    },
  );

  test('refusals are told apart by reason', async () => {
    await client.create(configMap('refusals', {}));
    expect((await refused(client.create(configMap('refusals', {})))).reason).toBe('AlreadyExists');
    expect(await client.get(refer('nobody'))).toBeUndefined();
    const invalid = await refused(client.applyServerSide(configMap('Not_A_Name', {})));
    expect(invalid).toMatchObject({ status: 422, reason: 'Invalid', fields: ['metadata.name'] });
  });

  test.each(defaultedObjects.map((object) => [object.kind, object] as const))(
    'applies take over what a create made of a %s: what they leave out goes, and nothing else changes',
    async (_, object) => {
      const metadata = { ...object.metadata, name: `${object.metadata?.name}-made` };
      const labelled = { ...object, metadata: { ...metadata, labels: { ...metadata.labels, dropped: 'later' } } };
      const made = await client.create(labelled);
      expect(isHeldByCreator(made, fieldManager)).toBe(true);

      const managedFields = planOwnership(made, fieldManager);
      const reference = refer(metadata.name, client.resourceOf(object));
      await client.patchMerge(reference, { metadata: { managedFields } });
      const applied = await client.applyServerSide({ ...object, metadata });
      expect(applied.metadata.labels ?? {}).not.toHaveProperty('dropped');
      expect(isHeldByCreator(applied, fieldManager)).toBe(false);
      expect(contentOf(applied)).toEqual(contentOf(made));
    },
  );

  test('replaces only the version that was read', async () => {
    const { metadata } = await client.create(configMap('replace', { a: '1' }));
    const { resourceVersion } = metadata;
    await client.replace({ ...configMap('replace', { a: '2' }), metadata: { ...metadata, resourceVersion } });
    const late = client.replace({ ...configMap('replace', { a: '3' }), metadata: { ...metadata, resourceVersion } });
    expect((await refused(late)).reason).toBe('Conflict');
    expect(await client.get(refer('replace'))).toMatchObject({ data: { a: '2' } });
  });

  test('deletes once, and only what the preconditions name', async () => {
    const { metadata } = await client.create(configMap('delete', {}));
    const other = client.delete(refer('delete'), { preconditions: { uid: 'another' } });
    expect((await refused(other)).reason).toBe('Conflict');
    expect(await client.delete(refer('delete'), { preconditions: { uid: metadata.uid } })).toBe(true);
    expect(await client.delete(refer('delete'))).toBe(false);
  });

  test('an error about a Secret quotes nothing of it', async () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'secret', namespace: 'default' },
      data: { password: 'hunter2 is no base64' },
    };
    const error = await refused(client.create(secret));
    expect(error.status).toBe(400);
    expect(`${error.message} ${error.stack}`).not.toContain('hunter2');
  });

  test('custom resources: served once installed, unknown fields kept, status apart', async () => {
    expect(await client.isServed(widgets)).toBe(false);
    await client.applyServerSide(widgetDefinition);
    await expect.poll(() => client.isServed(widgets), { timeout: 20_000 }).toBe(true);
    const widget = {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'widget', namespace: 'default' },
      spec: { nobodyModelled: { this: 1 } },
    };
    // Served by discovery a moment before the handlers answer.
    await expect
      .poll(() => client.applyServerSide(widget).catch(() => undefined), { timeout: 20_000 })
      .toMatchObject({ spec: widget.spec });
    await client.applyStatus({ ...widget, status: { ready: true } });
    expect(await client.get(refer('widget', widgets))).toMatchObject({ spec: widget.spec, status: { ready: true } });
    const { spec: _, ...withoutSpec } = widget;
    await client.applyStatus({ ...withoutSpec, status: { phase: 'done' } });
    const live = await client.get<LiveObject & { status?: unknown }>(refer('widget', widgets));
    expect(live).toMatchObject({ spec: widget.spec });
    expect(live?.status).toEqual({ phase: 'done' });
  });

  test('lists in pages, each item with its kind', async () => {
    const names = Array.from({ length: 7 }, (_, index) => `page-${index}`);
    await Promise.all(names.map((name) => client.create(configMap(name, {}, { labels: { paged: 'yes' } }))));
    const seen: string[] = [];
    const sizes: number[] = [];
    let from: string | undefined;
    do {
      const page = await client.list(builtInResources.configMaps, {
        namespace: 'default',
        labelSelector: 'paged=yes',
        limit: 3,
        continue: from,
      });
      expect(page.items.every(({ kind, apiVersion }) => kind === 'ConfigMap' && apiVersion === 'v1')).toBe(true);
      sizes.push(page.items.length);
      seen.push(...page.items.map(({ metadata }) => metadata.name));
      from = page.continue;
    } while (from !== undefined);
    expect(sizes).toEqual([3, 3, 1]);
    expect(seen).toEqual(names);
  });

  test('of metadata alone nothing else comes, in a list as in a watch', async () => {
    const resource = builtInResources.secrets;
    const labels = { test: 'metadata' };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hidden', namespace: 'default', labels } };
    const { metadata } = await client.create({ ...secret, stringData: { password: 's3cret' } });
    const selection = { namespace: 'default', labelSelector: 'test=metadata', representation: 'metadata' } as const;
    const expected = { apiVersion: 'v1', kind: 'Secret', metadata: expect.objectContaining({ uid: metadata.uid }) };
    const { items } = await client.list(resource, selection);
    expect(items).toEqual([expected]);

    const events: unknown[] = [];
    const stop = new AbortController();
    const watch = client.watch(resource, {
      ...selection,
      timeoutSeconds: 30,
      idleTimeoutMs: 30_000,
      signal: stop.signal,
    });
    for await (const event of watch) {
      events.push(event);
      if (event.type === 'BOOKMARK' && event.initialEventsEnd === true) break;
    }
    stop.abort();
    expect(events).toEqual([
      { type: 'ADDED', object: expected },
      { type: 'BOOKMARK', resourceVersion: expect.any(String), initialEventsEnd: true },
    ]);
    expect(JSON.stringify([items, events])).not.toMatch(/s3cret|czNjcmV0|"data"/);
  });

  test('an eviction is refused by a disruption budget, as a value', async () => {
    await client.create({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: 'default' },
    });
    const evicted = { app: 'evict' };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'evict', namespace: 'default', labels: evicted },
      spec: { nodeName: 'node', containers: [{ name: 'main', image: 'example.com/image:1' }] },
    };
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'evict', namespace: 'default' },
      spec: { maxUnavailable: 0, selector: { matchLabels: evicted } },
    };
    await expect.poll(() => client.applyServerSide(pod).catch(() => undefined), { timeout: 20_000 }).toBeDefined();
    await client.applyServerSide(budget);
    // A pod that runs: a pending one may always be evicted.
    await client.patchMerge(
      refer('evict', builtInResources.pods),
      { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
      { subresource: 'status' },
    );
    const target = { namespace: 'default', name: 'evict' };
    expect(await client.evict(target)).toMatchObject({ ok: false, reason: 'DisruptionBudget' });
    await client.delete(refer('evict', builtInResources.podDisruptionBudgets));
    await expect.poll(() => client.evict(target), { timeout: 20_000 }).toEqual({ ok: true });
    expect(await client.evict({ namespace: 'default', name: 'nobody' })).toEqual({ ok: false, reason: 'NotFound' });
  });

  test('authenticates by service account files, as in a pod', async () => {
    const { hostname, port } = new URL(plane.server);
    const folder = path.join(plane.directory, 'var/run/secrets/kubernetes.io/serviceaccount');
    await mkdir(folder, { recursive: true });
    const admin = new KubeConfig();
    admin.loadFromString(plane.kubeconfig);
    await writeFile(path.join(folder, 'ca.crt'), Buffer.from(admin.getCurrentCluster()?.caData ?? '', 'base64'));
    await client.applyServerSide({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'pod', namespace: 'default' },
    });
    const createToken = ['--kubeconfig', plane.kubeconfigPath, '-n', 'default', 'create', 'token', 'pod'];
    const { stdout: token } = await promisify(execFile)(path.join(plane.binaries, 'kubectl'), createToken);
    await writeFile(path.join(folder, 'token'), token.trim());
    vi.stubEnv('KUBERNETES_SERVICE_HOST', hostname);
    vi.stubEnv('KUBERNETES_SERVICE_PORT', port);
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromCluster(plane.directory);
    vi.unstubAllEnvs();
    const pod = createKubernetesClient(kubeConfig, { fieldManager: 'pod', userAgent: 'pod', maxInFlight: 1 });
    const error = await refused(pod.list(builtInResources.nodes));
    expect(error).toMatchObject({ status: 403, reason: 'Forbidden' });
    expect(error.message).toContain('system:serviceaccount:default:pod');
    await pod.close();
  });

  test('a hundred requests one after the other share their connections', async () => {
    const proxy = await startLoopbackProxy(Number(new URL(plane.server).port));
    const counted: string[] = [];
    const through = connectClient(plane, {
      port: proxy.port,
      observeRequest: ({ method, code }) => counted.push(`${method} ${code}`),
    });
    try {
      for (let index = 0; index < 100; index += 1) await through.get(refer('nobody'));
      // Not one: the next request may come before the last answer's connection is free again.
      expect(proxy.accepted()).toBeLessThan(5);
      expect(counted).toHaveLength(100);
      expect(new Set(counted)).toEqual(new Set(['GET 404']));
      await proxy.close();
      await expect(through.get(refer('nobody'))).rejects.toMatchObject({ name: 'KubernetesUnreachableError' });
    } finally {
      await through.close();
    }
  });
});
