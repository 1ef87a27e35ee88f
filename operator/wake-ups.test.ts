import type { IPod, ISecret } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { labels, managedByValue } from './api/group.ts';
import type { LiveObject } from './runtime/kubernetes-object.ts';
import { builtInResources, type ResourceKind } from './runtime/resource-kind.ts';
import { FakeClock } from './runtime/testing/fake-clock.ts';
import { WorkQueue } from './runtime/work-queue.ts';
import { createTenantCaches } from './tenant/caches/tenant-caches.ts';
import { customResources } from './tenant/custom-resources.ts';
import { connectWakeUps } from './wake-ups.ts';

let version = 0;
const build = <T extends LiveObject = LiveObject>(
  { apiVersion, kind }: Pick<ResourceKind, 'apiVersion' | 'kind'>,
  key: string,
  content: Record<string, unknown> = {},
  metadata: Partial<LiveObject['metadata']> = {},
): T => {
  const [namespace = '', name = ''] = key.split('/');
  version += 1;
  const object = {
    apiVersion,
    kind,
    metadata: { name, namespace, uid: `uid-${kind}-${key}`, resourceVersion: `${version}`, ...metadata },
    ...content,
  };
  // The caller's word for the kind that it names.
  return object as unknown as T;
};

const tenant = (key: string, spec: Record<string, unknown> = {}, status: Record<string, unknown> = {}) =>
  build(customResources.identityTenants, key, {
    spec: { issuer: `https://${key.replace('/', '.')}.example`, ...spec },
    status,
  });
const withSecret = (name: string) => ({ database: { connection: { secretRef: { name } } } });
const core = (kind: string) => ({ apiVersion: 'v1', kind });
const denied = { conditions: [{ type: 'ReferencesResolved', status: 'False', reason: 'NameTaken' }] };

const start = () => {
  const caches = createTenantCaches();
  const options = { clock: new FakeClock(), random: () => 0.5 };
  const queues = { tenants: new WorkQueue(options), clients: new WorkQueue(options) };
  connectWakeUps(caches, queues.tenants, queues.clients);
  const drain = async (queue: WorkQueue): Promise<string[]> => {
    const keys: string[] = [];
    while (queue.depth > 0) {
      const key = (await queue.take()) ?? '';
      keys.push(key);
      queue.done(key);
    }
    return keys.sort();
  };
  /** Keys of tenants in the order in which they would be worked on. */
  const order = async (): Promise<string[]> => {
    const keys: string[] = [];
    while (queues.tenants.depth > 0) keys.push((await queues.tenants.take()) ?? '');
    for (const key of keys) queues.tenants.done(key);
    return keys;
  };
  /** Keys that were woken since the last time. */
  const woken = async () => ({ tenants: await drain(queues.tenants), clients: await drain(queues.clients) });
  const others = (kind: string) => {
    const cache = caches.versions.find((one) => one.kind === kind)?.cache;
    if (cache === undefined) throw new Error(`no cache of ${kind}`);
    return cache;
  };
  return { caches, queues, others, order, woken };
};

describe('a change of what a spec names', () => {
  it('wakes the tenants that name it, in its namespace, and no other', async () => {
    const { caches, others, woken } = start();
    caches.tenants.upsert(tenant('shop/one', withSecret('db')));
    caches.tenants.upsert(tenant('shop/two', withSecret('db')));
    caches.tenants.upsert(tenant('shop/three', withSecret('other')));
    caches.tenants.upsert(tenant('bank/one', withSecret('db')));
    await woken();

    others('Secret').upsert(build(core('Secret'), 'shop/db'));
    expect((await woken()).tenants).toEqual(['shop/one', 'shop/two']);
    others('Secret').upsert(build(core('Secret'), 'shop/db'));
    expect((await woken()).tenants).toEqual(['shop/one', 'shop/two']);
    others('Secret').remove(build(core('Secret'), 'shop/db'));
    expect((await woken()).tenants).toEqual(['shop/one', 'shop/two']);

    others('Secret').upsert(build(core('Secret'), 'shop/unnamed'));
    others('ConfigMap').upsert(build(core('ConfigMap'), 'shop/db'));
    expect((await woken()).tenants).toEqual([]);
  });

  it('follows the spec', async () => {
    const { caches, others, woken } = start();
    caches.tenants.upsert(tenant('shop/one', withSecret('db')));
    caches.tenants.upsert(tenant('shop/one', withSecret('db-2')));
    await woken();
    others('Secret').upsert(build(core('Secret'), 'shop/db'));
    expect((await woken()).tenants).toEqual([]);
    others('Secret').upsert(build(core('Secret'), 'shop/db-2'));
    expect((await woken()).tenants).toEqual(['shop/one']);
  });

  it('is noticed also of an object that carries our label', async () => {
    const { caches, woken } = start();
    caches.tenants.upsert(tenant('shop/one', withSecret('db')));
    await woken();
    const label = { labels: { [labels.managedBy]: managedByValue } };
    caches.secrets.upsert(build<LiveObject & ISecret>(core('Secret'), 'shop/db', { data: { url: '' } }, label));
    expect((await woken()).tenants).toEqual(['shop/one']);
  });
});

describe('an autoscaler', () => {
  it('wakes its tenant when it ceases to work, or works again, and not with every look at the load', async () => {
    const { caches, woken } = start();
    const ours = { [labels.managedBy]: managedByValue, [labels.instance]: 'one' };
    const { cache } = caches.owned.find(({ resource }) => resource.kind === 'HorizontalPodAutoscaler') ?? {};
    const report = async (currentReplicas: number, status: 'True' | 'False') => {
      const conditions = [{ type: 'ScalingActive', status, reason: 'FailedGetResourceMetric' }];
      const content = { status: { currentReplicas, conditions } };
      cache?.upsert(build(builtInResources.horizontalPodAutoscalers, 'shop/one-auth', content, { labels: ours }));
      return (await woken()).tenants;
    };
    expect(await report(3, 'True')).toEqual(['shop/one']);
    expect(await report(4, 'True')).toEqual([]);
    expect(await report(4, 'False')).toEqual(['shop/one']);
    expect(await report(5, 'False')).toEqual([]);
    expect(await report(5, 'True')).toEqual(['shop/one']);
  });
});

describe('what is looked at first', () => {
  const generation = (key: string, number: number, more: Record<string, unknown> = {}) =>
    build(
      customResources.identityTenants,
      key,
      { spec: { issuer: 'https://id.example', ...withSecret('db') } },
      {
        generation: number,
        ...more,
      },
    );

  it('is what somebody changes of what is there; then what is new, then what is listed', async () => {
    const { caches, others, order } = start();
    for (const key of ['shop/spec', 'shop/annotation', 'shop/status']) caches.tenants.upsert(generation(key, 1));
    others('Secret').upsert(build(core('Secret'), 'bank/db'));
    caches.tenants.upsert(generation('bank/secret', 1));
    await order();

    const list = caches.tenants.beginList(undefined);
    list.add([generation('shop/listed', 1)]);
    caches.tenants.upsert({ ...generation('shop/status', 1), ...{ status: { version: '1' } } });
    caches.tenants.upsert(generation('shop/new', 1));
    caches.tenants.upsert(generation('shop/spec', 2));
    caches.tenants.upsert(generation('shop/annotation', 1, { annotations: { restart: 'now' } }));
    others('Secret').upsert(build(core('Secret'), 'bank/db'));
    expect(await order()).toEqual([
      'shop/spec',
      'shop/annotation',
      'bank/secret',
      'shop/new',
      'shop/listed',
      'shop/status',
    ]);
  });

  it('is not a tenant that failed and has just said so', async () => {
    const { caches, queues } = start();
    caches.tenants.upsert(generation('shop/one', 1));
    await queues.tenants.take();
    queues.tenants.addAfterFailure('shop/one');
    caches.tenants.upsert({ ...generation('shop/one', 1), ...{ status: { conditions: [] } } });
    queues.tenants.done('shop/one');
    expect(queues.tenants.depth).toBe(0);
    caches.tenants.upsert(generation('shop/one', 2));
    expect(queues.tenants.depth).toBe(1);
  });
});

describe('a name that is taken', () => {
  it.each(['Secret', 'ConfigMap', 'Service'])('wakes who waits for it when a %s of a stranger goes', async (kind) => {
    const { caches, others, woken } = start();
    caches.tenants.upsert(tenant('shop/denied', {}, denied));
    caches.tenants.upsert(tenant('shop/content'));
    caches.tenants.upsert(tenant('bank/denied', {}, denied));
    others(kind).upsert(build(core(kind), 'shop/taken'));
    await woken();
    others(kind).remove(build(core(kind), 'shop/taken'));
    expect((await woken()).tenants).toEqual(['shop/denied']);
  });
});

describe('a client', () => {
  const client = (key: string, tenantName: string, secret?: string) =>
    build(customResources.identityClients, key, {
      spec: {
        tenantRef: { name: tenantName },
        redirectURIs: ['https://app.example.com/callback'],
        ...(secret === undefined ? {} : { secret: { name: secret } }),
      },
    });

  it('is woken by its tenant, its Secret, and auth pods that come or go', async () => {
    const { caches, others, woken } = start();
    caches.clients.upsert(client('shop/app', 'one'));
    caches.clients.upsert(client('shop/job', 'one', 'job-secret'));
    caches.clients.upsert(client('shop/stray', 'two'));
    await woken();

    caches.tenants.upsert(tenant('shop/one'));
    expect((await woken()).clients).toEqual(['shop/app', 'shop/job']);
    caches.tenants.upsert(tenant('shop/one', {}, denied));
    expect((await woken()).clients).toEqual([]);
    const stalled = { conditions: [{ type: 'Stalled', status: 'True', reason: 'NameTaken' }] };
    for (const status of [stalled, denied]) {
      caches.tenants.upsert(tenant('shop/one', {}, status));
      expect((await woken()).clients).toEqual(['shop/app', 'shop/job']);
    }
    caches.tenants.upsert(build(customResources.identityTenants, 'shop/one', {}, { deletionTimestamp: 'now' }));
    expect((await woken()).clients).toEqual(['shop/app', 'shop/job']);

    others('Secret').upsert(build(core('Secret'), 'shop/app-oidc'));
    others('Secret').upsert(build(core('Secret'), 'shop/job-secret'));
    others('Secret').upsert(build(core('Secret'), 'shop/job-oidc'));
    expect(await woken()).toEqual({ tenants: [], clients: ['shop/app', 'shop/job'] });

    const ofTenant = { [labels.managedBy]: managedByValue, [labels.instance]: 'one', [labels.component]: 'auth' };
    const pod = (status: Record<string, unknown>) =>
      build<LiveObject & IPod>(core('Pod'), 'shop/auth-1', { status }, { labels: ofTenant });
    caches.pods.upsert(pod({}));
    await woken();
    caches.pods.upsert(pod({ podIP: '10.0.0.1' }));
    expect((await woken()).clients).toEqual(['shop/app', 'shop/job']);
    caches.pods.upsert(pod({ podIP: '10.0.0.1', phase: 'Running' }));
    expect((await woken()).clients).toEqual([]);
  });
});
