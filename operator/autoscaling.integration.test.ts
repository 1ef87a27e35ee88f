import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { annotations, labels } from './api/group.ts';
import type { LiveObject } from './runtime/kubernetes-object.ts';
import { builtInResources } from './runtime/resource-kind.ts';
import { customResources } from './tenant/custom-resources.ts';
import type { KubeletStandIn } from './testing/kubelet-stand-in.ts';
import { recordHistory } from './testing/object-history.ts';
import { type OperatedCluster, startOperatedCluster } from './testing/operated-cluster.ts';
import type { RunningOperator } from './testing/running-operator.ts';
import { createTenantFixture } from './testing/tenant-fixture.ts';
import type { TestCluster } from './testing/test-cluster.ts';

type Deployment = LiveObject & IDeployment;
type Autoscaler = LiveObject & IHorizontalPodAutoscaler;

const { deployments, horizontalPodAutoscalers } = builtInResources;
const namespace = 'scaled';
const tenant = { namespace };
const within = { timeout: 30_000, interval: 50 };
const autoscaling = { minReplicas: 3, maxReplicas: 9 };

/** Tests go on where the one before has ended: a tenant whose auth is given to an autoscaler and taken back. */
describe('the number of pods', { timeout: 120_000 }, () => {
  let operated: OperatedCluster;
  let cluster: TestCluster;
  let kubelets: KubeletStandIn;
  let operator: RunningOperator;
  let fixture: ReturnType<typeof createTenantFixture>;
  let history: Awaited<ReturnType<typeof recordHistory<Deployment>>>;

  beforeAll(async () => {
    operated = await startOperatedCluster();
    ({ cluster, kubelets, operator } = operated);
    cluster.plane.startControllerManager([
      '--controllers=horizontal-pod-autoscaler-controller',
      '--horizontal-pod-autoscaler-sync-period=1s',
      // The one with the other controllers listens there.
      '--secure-port=0',
    ]);
    fixture = createTenantFixture(cluster);
  });
  afterAll(() => operated?.stop());
  beforeEach(async () => {
    history = await recordHistory<Deployment>(cluster.client, deployments, namespace);
  });
  afterEach(() => history?.stop());

  const getAuth = () => fixture.get<Deployment>(deployments, namespace, 'acme-auth');
  const getAutoscaler = () => fixture.get<Autoscaler>(horizontalPodAutoscalers, namespace, 'acme-auth');
  /** Every number that auth has had in this test. */
  const numbers = () =>
    history.versions
      .filter(({ object }) => object.metadata.name === 'acme-auth')
      .map(({ object }) => object.spec?.replicas);

  /** As the autoscaler does it. */
  const scale = (replicas: number) =>
    cluster.client.patchMerge(
      { resource: deployments, namespace, name: 'acme-auth' },
      { spec: { replicas } },
      { subresource: 'scale' },
    );

  const annotate = (change: Record<string, string | null>) =>
    cluster.client.patchMerge(
      { resource: customResources.identityTenants, namespace, name: 'acme' },
      { metadata: { annotations: change } },
    );

  /** Lets the tenant be looked at, and waits until the operator has nothing to do. */
  const settle = async () => {
    const before = await operator.reconciles('tenant');
    await annotate({ touched: `${before}` });
    await expect.poll(() => operator.reconciles('tenant'), within).toBeGreaterThan(before);
    await expect.poll(operator.isIdle, within).toBe(true);
  };

  const expectCounts = (desired: number) =>
    expect
      .poll(async () => (await fixture.getTenant(tenant))?.status?.services?.auth, within)
      .toMatchObject({ desired, ready: desired, updated: desired });

  it('is what the tenant says, from the first on', async () => {
    await fixture.createReadyTenant(tenant, { auth: { replicas: 5 } });
    await expectCounts(5);
    expect([...new Set(numbers())]).toEqual([5]);
  });

  it('stays what it was when an autoscaler comes', async () => {
    const { metadata } = await fixture.patchSpec(tenant, { auth: { replicas: null, autoscaling } });
    await expect.poll(getAutoscaler, within).toMatchObject({ spec: { minReplicas: 3, maxReplicas: 9 } });
    await fixture.expectCondition(tenant, 'Ready', { status: 'True', observedGeneration: metadata.generation ?? 0 });
    await settle();
    expect((await getAuth())?.spec?.replicas).toBe(5);
    expect(new Set(numbers())).toEqual(new Set());
  });

  it('does not follow the load without metrics, as here, and that is told after a while, once', async () => {
    const conditions = async () => (await getAutoscaler())?.status?.conditions ?? [];
    await expect
      .poll(conditions, within)
      .toContainEqual(expect.objectContaining({ type: 'ScalingActive', status: 'False' }));
    await settle();
    await fixture.expectCondition(tenant, 'AuthAvailable', { status: 'True', reason: 'AllAvailable' });
    // Nobody waits for two minutes here; its controller leaves the time as it is until there is a change.
    const waited = (await conditions()).map((condition) => ({
      ...condition,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    }));
    await cluster.client.patchMerge(
      { resource: horizontalPodAutoscalers, namespace, name: 'acme-auth' },
      { status: { conditions: waited } },
      { subresource: 'status' },
    );
    await fixture.expectCondition(tenant, 'AuthAvailable', {
      status: 'True',
      reason: 'NotScaling',
      message: expect.stringMatching(
        /^5 of 5 pods of auth are available, and as many whatever the load: HorizontalPodAutoscaler "acme-auth" says FailedGet\w+: /,
      ),
    });
    await fixture.expectCondition(tenant, 'GatewayAvailable', { status: 'True', reason: 'AllAvailable' });
    await fixture.expectCondition(tenant, 'Ready', { status: 'True', reason: 'AllAvailable' });
    await settle();
    const writes = await operator.writes();
    // Its controller writes again whatever differs.
    await cluster.client.patchMerge(
      { resource: horizontalPodAutoscalers, namespace, name: 'acme-auth' },
      { status: { currentReplicas: 4 } },
      { subresource: 'status' },
    );
    await expect.poll(async () => (await getAutoscaler())?.status?.currentReplicas, within).toBe(5);
    await settle();
    expect(await operator.writes()).toBe(writes);
  });

  it('is the autoscaler’s from then on: nobody writes, and the tenant stays Ready meanwhile', async () => {
    const tenants = await recordHistory(cluster.client, customResources.identityTenants, namespace);
    await fixture.expectReady(tenant);
    await settle();
    const before = await fixture.getTenant(tenant);
    kubelets.hold(namespace, 'auth');
    await scale(7);
    await settle();
    // Two of seven cannot run yet: the autoscaler's wish makes the tenant no less available.
    await fixture.expectCondition(tenant, 'AuthAvailable', {
      status: 'True',
      message: expect.stringMatching(/^5 of 7 pods of auth are available, and as many whatever the load: /),
    });
    kubelets.release(namespace, 'auth');
    await expectCounts(7);
    await settle();
    await tenants.stop();
    const writes = await operator.writes();
    await settle();
    expect(await operator.writes()).toBe(writes);
    expect(new Set(numbers())).toEqual(new Set([7]));
    const since = before?.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
    await fixture.expectCondition(tenant, 'Ready', { status: 'True', lastTransitionTime: since ?? '' });
  });

  it('does not fall when labels of an autoscaled Deployment are damaged and repaired', async () => {
    await cluster.client.patchMerge(
      { resource: deployments, namespace, name: 'acme-auth' },
      { metadata: { labels: { [labels.managedBy]: null, [labels.instance]: null } } },
    );
    await expect
      .poll(async () => (await getAuth())?.metadata.labels, within)
      .toMatchObject({ [labels.managedBy]: 'identity-operator', [labels.instance]: 'acme' });
    await settle();
    expect(new Set(numbers())).toEqual(new Set([7]));
  });

  it('is repaired at 0, where an autoscaler would rest for ever', async () => {
    await scale(0);
    await expect.poll(async () => (await getAuth())?.spec?.replicas, within).toBe(3);
    await expectCounts(3);
    expect(numbers().filter((number) => number !== 0 && number !== 3)).toEqual([]);
  });

  it('becomes a fixed one only when the autoscaler is gone, and without a dip', async () => {
    await scale(7);
    await expectCounts(7);
    const autoscalers = await recordHistory(cluster.client, horizontalPodAutoscalers, namespace);
    await history.stop();
    history = await recordHistory<Deployment>(cluster.client, deployments, namespace);
    await fixture.patchSpec(tenant, { auth: { replicas: 4, autoscaling: null } });
    await expect.poll(async () => (await getAuth())?.spec?.replicas, within).toBe(4);
    await expectCounts(4);
    await fixture.expectCondition(tenant, 'AuthAvailable', {
      reason: 'AllAvailable',
      message: '4 of 4 pods of auth are available',
    });
    await autoscalers.stop();
    const gone = autoscalers.versions.find(({ type }) => type === 'DELETED');
    const first = history.versions.find(({ object }) => object.spec?.replicas === 4);
    const revision = (object: LiveObject | undefined) => BigInt(object?.metadata.resourceVersion ?? 0);
    expect(gone).toBeDefined();
    expect(revision(first?.object)).toBeGreaterThan(revision(gone?.object));
    expect(new Set(numbers().filter((number) => number !== 7))).toEqual(new Set([4]));
  });

  it('a restart that is asked for rolls every service once, and taking the annotation away none', async () => {
    const restarts = async () =>
      (await fixture.list<Deployment>(deployments, namespace)).map(
        ({ spec }) => spec?.template?.metadata?.annotations?.[annotations.restart],
      );
    await annotate({ [annotations.restart]: 'first' });
    await expect.poll(restarts, within).toEqual(['first', 'first', 'first']);
    await fixture.expectReady(tenant);
    await settle();
    const generations = async () =>
      (await fixture.list<Deployment>(deployments, namespace)).map(({ metadata }) => metadata.generation);
    const before = await generations();
    await annotate({ [annotations.restart]: null });
    await settle();
    expect(await generations()).toEqual(before);
    expect(await restarts()).toEqual(['first', 'first', 'first']);
  });
});
