import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IJob } from 'kubernetes-models/batch/v1';
import type { IEvent } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import { labels } from '../api/group.ts';
import { type Component, components } from '../manifests/blueprint.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources, type ResourceKind } from '../runtime/resource-kind.ts';
import { ownedKinds } from '../tenant/caches/tenant-caches.ts';
import { customResources } from '../tenant/custom-resources.ts';
import type { OperatorRelease } from '../tenant/operator-release.ts';
import { type KubeletStandIn, startKubeletStandIn } from '../testing/kubelet-stand-in.ts';
import { installOperatorAccount } from '../testing/operator-account.ts';
import { type RunningOperator, startOperator } from '../testing/running-operator.ts';
import { createTenantFixture, type LiveTenant } from '../testing/tenant-fixture.ts';
import { startTestCluster, type TestCluster } from '../testing/test-cluster.ts';

type Deployment = LiveObject & IDeployment;

const before: OperatorRelease = {
  version: '0.1.0',
  image: 'registry.example/identity:0.1.0',
  databaseImage: 'registry.example/postgres:18.1',
};
// It comes from elsewhere, and by digest: what runs must not follow it there.
const after: OperatorRelease = {
  version: '0.2.0',
  image: 'mirror.example:5000/identity@sha256:0000',
  databaseImage: 'mirror.example:5000/postgres:18.2',
  previous: [{ version: '0.1.0', unknownSettings: {} }],
};
const maxRolling = 3;
const within = { timeout: 60_000, interval: 50 };

const [first, pinned, resting] = ['first', 'pinned', 'resting'].map((namespace) => ({ namespace })) as [
  { namespace: string },
  { namespace: string },
  { namespace: string },
];
const fleet = Array.from({ length: 12 }, (_, index) => ({
  namespace: 'fleet',
  name: `tenant-${index}`,
  wave: index % 2 === 0 ? 1 : 2,
}));

const versionOf = ({ spec }: IDeployment) => spec?.template?.metadata?.labels?.[labels.version];
const componentOf = ({ metadata }: LiveObject) => metadata.labels?.[labels.component] as Component;
const isComplete = ({ metadata, spec, status }: Deployment) =>
  (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
  status?.updatedReplicas === spec?.replicas &&
  status?.replicas === spec?.replicas &&
  status?.availableReplicas === spec?.replicas;

describe('when the operator knows another version of the services', { timeout: 180_000 }, () => {
  let cluster: TestCluster;
  let kubelets: KubeletStandIn;
  let operator: RunningOperator;
  let fixture: ReturnType<typeof createTenantFixture>;
  let untouched: Record<string, string> = {};

  const lead = async (release: OperatorRelease): Promise<void> => {
    const account = await installOperatorAccount(cluster.plane);
    const options = { release, maxRollingTenants: maxRolling };
    operator = startOperator(account, 'identity-operator', `operator-${release.version}`, options);
    await waitUntil('the operator to lead', 30_000, async () => operator.isLeading());
  };

  beforeAll(async () => {
    cluster = await startTestCluster();
    fixture = createTenantFixture(cluster);
    kubelets = await startKubeletStandIn(cluster.client);
    await lead(before);
  });
  afterAll(async () => {
    await operator?.stop();
    await kubelets?.stop();
    await cluster?.stop();
  });

  /** Every state of objects of one kind from now on, until the test ends it. */
  const record = async <T extends LiveObject>(resource: ResourceKind, namespace: string) => {
    const { resourceVersion } = await cluster.client.list(resource, { namespace });
    const states: T[] = [];
    const stop = new AbortController();
    const options = { namespace, resourceVersion, timeoutSeconds: 300, idleTimeoutMs: 300_000, signal: stop.signal };
    const recording = (async () => {
      for await (const event of cluster.client.watch<T>(resource, options)) {
        if (event.type === 'ADDED' || event.type === 'MODIFIED') states.push(event.object);
      }
    })().catch(() => undefined);
    return {
      states,
      stop: async () => {
        stop.abort();
        await recording;
      },
    };
  };

  const deployment = (namespace: string, component: Component) =>
    fixture.get<Deployment>(builtInResources.deployments, namespace, `acme-${component}`);
  const versions = async (namespace: string) =>
    Promise.all(
      components.map(async (component) => {
        const live = await deployment(namespace, component);
        return live === undefined ? undefined : versionOf(live);
      }),
    );
  const databaseReference = (namespace: string) => ({
    resource: builtInResources.statefulSets,
    namespace,
    name: 'acme-database',
  });
  const database = (namespace: string) => cluster.client.get<LiveObject & IStatefulSet>(databaseReference(namespace));
  const databaseImage = async (namespace: string) =>
    (await database(namespace))?.spec?.template?.spec?.containers[0]?.image;
  const resourceVersions = async (namespace: string): Promise<Record<string, string>> => {
    const kinds = [...ownedKinds, builtInResources.secrets, customResources.identityTenants];
    const objects = (await Promise.all(kinds.map((kind) => fixture.list(kind, namespace)))).flat();
    return Object.fromEntries(
      objects.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.resourceVersion]),
    );
  };

  /** Checks that services changed to `version` in this order, each when the one before ran it completely. */
  const expectOrder = (states: readonly Deployment[], version: string, order: readonly Component[]): void => {
    const isAt = (component: Component) => (state: Deployment) =>
      componentOf(state) === component && versionOf(state) === version;
    const starts = order.map((component) => states.findIndex(isAt(component)));
    expect(starts.every((start) => start >= 0)).toBe(true);
    expect(starts).toEqual(starts.toSorted((one, other) => one - other));
    for (const [index, start] of starts.entries()) {
      for (const earlier of order.slice(0, index))
        expect(states.slice(0, start).findLast(isAt(earlier)), `${earlier} before ${order[index]}`).toSatisfy(
          isComplete,
        );
    }
  };

  it('tenants are made with the version of the operator that there is', async () => {
    await cluster.createNamespace('fleet');
    await fixture.createReadyTenant(first);
    await fixture.createReadyTenant(pinned, { version: '0.1.0' });
    await fixture.createReadyTenant(resting, { updatePolicy: { wave: 1 } });
    await fixture.patchSpec(resting, { paused: true });
    for (const { wave, ...tenant } of fleet)
      await fixture.createTenant(tenant, { updatePolicy: { wave }, availability: { mode: 'Single' } });
    for (const tenant of fleet) await fixture.expectReady(tenant);
    await fixture.expectCondition(resting, 'Ready', { status: 'True', reason: 'Paused' });
    expect((await fixture.getTenant(first))?.status?.version).toBe('0.1.0');
    await waitUntil('the operator to rest', 30_000, () => operator.isIdle());
    await operator.stop();
    untouched = { ...(await resourceVersions(pinned.namespace)), ...(await resourceVersions(resting.namespace)) };
  });

  describe('and the first tenant does not become Ready at its turn', () => {
    it('it stays at the step that fails, says which, and serves', async () => {
      kubelets.hold(first.namespace, 'token-store');
      await lead(after);
      await expect.poll(() => versions(first.namespace), within).toEqual(['0.2.0', '0.1.0', '0.1.0']);
      // Nobody waits for ten minutes here; the controller keeps what it is told until there is progress.
      const stuck = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'simulated' };
      const status = { conditions: [stuck] };
      const name = 'acme-token-store';
      await expect
        .poll(async () => (await deployment(first.namespace, 'token-store'))?.status?.updatedReplicas, within)
        .toBe(1);
      await cluster.client.patchMerge(
        { resource: builtInResources.deployments, namespace: first.namespace, name },
        { status },
        { subresource: 'status' },
      );
      await fixture.expectCondition(first, 'Stalled', {
        status: 'True',
        reason: 'RolloutStuck',
        message: expect.stringMatching(
          /^upgrade from 0\.1\.0 to 0\.2\.0, at token-store: the rollout does not advance/,
        ),
      });
      await fixture.expectCondition(first, 'AuthAvailable', {
        status: 'False',
        reason: 'Waiting',
        message: expect.stringContaining('auth goes on with 0.1.0 until token-store runs 0.2.0 completely'),
      });
      expect(await versions(first.namespace)).toEqual(['0.2.0', '0.1.0', '0.1.0']);
      expect((await deployment(first.namespace, 'token-store'))?.status?.availableReplicas).toBe(3);
      expect((await fixture.getTenant(first))?.status).toMatchObject({ version: '0.1.0', targetVersion: '0.2.0' });
    });

    it('nobody else begins, and that is told once', async () => {
      const told = async () =>
        (await fixture.list<LiveObject & IEvent>(builtInResources.events, first.namespace)).filter(
          ({ reason }) => reason === 'UpgradesStopped',
        );
      await expect.poll(told, within).toEqual([
        expect.objectContaining({
          type: 'Warning',
          count: 1,
          message: expect.stringContaining('at its turn to run 0.2.0'),
        }),
      ]);
      for (const tenant of fleet) expect((await fixture.getTenant(tenant))?.status?.targetVersion).toBeUndefined();
    });

    it('it goes on when it can, service after service, after the schema', async () => {
      const deployments = await record<Deployment>(builtInResources.deployments, first.namespace);
      const [job] = (await fixture.list<LiveObject & IJob>(builtInResources.jobs, first.namespace)).filter(
        ({ metadata }) => metadata.annotations?.['identity-operator.io/release'] === '0.2.0',
      );
      expect(job?.status?.succeeded).toBe(1);
      kubelets.release(first.namespace, 'token-store');
      await expect.poll(() => versions(first.namespace), within).toEqual(['0.2.0', '0.2.0', '0.2.0']);
      await fixture.expectReady(first);
      await expect
        .poll(async () => (await fixture.getTenant(first))?.status, within)
        .toMatchObject({ version: '0.2.0' });
      await deployments.stop();
      expectOrder(deployments.states, '0.2.0', ['token-store', 'auth', 'gateway']);
      // A pod of the older revision may come up again, in a rollback by hand: its settings are there.
      const settings = (await fixture.list(builtInResources.configMaps, first.namespace)).filter(({ metadata }) =>
        /^acme-auth-\w{10}$/.test(metadata.name),
      );
      expect(settings).toHaveLength(2);
    });
  });

  it('the others follow in waves, three at a time, and each turn ends', async () => {
    const tenants = await record<LiveTenant>(customResources.identityTenants, 'fleet');
    const isThrough = async () =>
      (await fixture.list<LiveTenant>(customResources.identityTenants, 'fleet')).every(
        ({ status }) => status?.version === '0.2.0' && status.targetVersion === undefined,
      );
    await expect.poll(isThrough, { timeout: 150_000, interval: 250 }).toBe(true);
    await tenants.stop();

    const turns = new Map<string, number>();
    let [most, highestWave] = [0, 0];
    for (const { metadata, status } of tenants.states) {
      const wave = fleet.find(({ name }) => name === metadata.name)?.wave ?? 0;
      if (status?.targetVersion === undefined) turns.delete(metadata.name);
      else turns.set(metadata.name, wave);
      most = Math.max(most, turns.size);
      highestWave = Math.max(highestWave, ...turns.values());
      // A higher wave begins when no lower one has its turn any more, and none comes after.
      expect(Math.min(highestWave, ...turns.values())).toBe(highestWave);
    }
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(maxRolling);
  });

  it('nothing of a tenant that pins its version was written, nor of one that is paused', async () => {
    expect({ ...(await resourceVersions(pinned.namespace)), ...(await resourceVersions(resting.namespace)) }).toEqual(
      untouched,
    );
    await fixture.expectReady(pinned);
    await fixture.patchSpec(resting, { paused: false });
    await expect
      .poll(async () => (await fixture.getTenant(resting))?.status, within)
      .toMatchObject({ version: '0.2.0' });
  });

  it('the database of a pinned tenant stays what it was, made anew and repaired, and the others have the next one', async () => {
    expect(await databaseImage(first.namespace)).toBe(after.databaseImage);
    const { metadata } = (await database(pinned.namespace)) ?? {};
    await cluster.client.delete(databaseReference(pinned.namespace), { propagationPolicy: 'Orphan' });
    await expect.poll(async () => (await database(pinned.namespace))?.metadata.uid, within).not.toBe(metadata?.uid);
    await expect.poll(() => databaseImage(pinned.namespace), within).toBe(before.databaseImage);
    const containers = [{ name: 'postgres', image: 'somebody.example/postgres:18' }];
    const { name, namespace } = databaseReference(pinned.namespace);
    const { metadata: drifted } = await cluster.client.applyServerSide(
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name, namespace },
        spec: { template: { spec: { containers } } },
      },
      { fieldManager: 'somebody' },
    );
    await expect
      .poll(async () => (await database(pinned.namespace))?.metadata.generation ?? 0, within)
      .toBeGreaterThan(drifted.generation ?? 0);
    expect(await databaseImage(pinned.namespace)).toBe(before.databaseImage);
    await fixture.expectReady(pinned);
  });

  it('a version that the operator cannot run is said, and what runs goes on', async () => {
    const images = await versions(pinned.namespace);
    await fixture.patchSpec(pinned, { version: '0.5.0' });
    await fixture.expectCondition(pinned, 'Stalled', {
      status: 'True',
      reason: 'VersionNotSupported',
      message: expect.stringMatching(/spec\.version 0\.5\.0 .*0\.1\.x and 0\.2\.x/),
    });
    expect(await versions(pinned.namespace)).toEqual(images);
    await fixture.patchSpec(pinned, { version: '0.1.0' });
    await fixture.expectReady(pinned);
  });

  it('a pinned version is gone back to in the reverse order, without a word about an image', async () => {
    const deployments = await record<Deployment>(builtInResources.deployments, first.namespace);
    await fixture.patchSpec(first, { version: '0.1.0' });
    await expect.poll(() => versions(first.namespace), within).toEqual(['0.1.0', '0.1.0', '0.1.0']);
    await fixture.expectCondition(first, 'Ready', { status: 'True', observedGeneration: 2 });
    await deployments.stop();
    expectOrder(deployments.states, '0.1.0', ['gateway', 'auth', 'token-store']);
    const gateway = await deployment(first.namespace, 'gateway');
    expect(gateway?.spec?.template?.spec?.containers[0]?.image).toBe('mirror.example:5000/identity:0.1.0');
    expect((await fixture.getTenant(first))?.status?.version).toBe('0.1.0');
    // What has written to the data may not be newer than what reads it.
    expect(await databaseImage(first.namespace)).toBe(after.databaseImage);
  });

  it('a pinned tenant that is moved to the operator’s version has its database image too', async () => {
    expect(await databaseImage(pinned.namespace)).toBe(before.databaseImage);
    await fixture.patchSpec(pinned, { version: '0.2.0' });
    await expect.poll(() => databaseImage(pinned.namespace), within).toBe(after.databaseImage);
    await fixture.expectReady(pinned);
    await expect
      .poll(async () => (await fixture.getTenant(pinned))?.status, within)
      .toMatchObject({ version: '0.2.0', database: { defaultImage: after.databaseImage } });
  });
});
