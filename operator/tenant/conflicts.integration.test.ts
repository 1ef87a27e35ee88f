import type { IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IEvent, IPersistentVolumeClaim, IPod, IService } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { type OperatedCluster, startOperatedCluster } from '../testing/operated-cluster.ts';
import { createTenantFixture } from '../testing/tenant-fixture.ts';
import type { TestCluster } from '../testing/test-cluster.ts';
import { customResources } from './custom-resources.ts';

const { deployments, persistentVolumeClaims, pods, services, statefulSets, secrets } = builtInResources;
const within = { timeout: 30_000, interval: 50 };
const volume = 'data-acme-database-0';

describe('what cannot be had as it is asked for', () => {
  let operated: OperatedCluster;
  let cluster: TestCluster;
  let fixture: ReturnType<typeof createTenantFixture>;

  beforeAll(async () => {
    operated = await startOperatedCluster();
    ({ cluster } = operated);
    fixture = createTenantFixture(cluster);
  });
  afterAll(() => operated?.stop());

  const createStorageClass = (name: string, allowVolumeExpansion: boolean) =>
    cluster.client.applyServerSide({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name },
      provisioner: 'example.com/none',
      allowVolumeExpansion,
    });

  /** What a provisioner would do for the claim of a namespace's database. */
  const provideVolume = async (namespace: string, storageClassName: string): Promise<void> => {
    await cluster.client.applyServerSide({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `volume-${namespace}` },
      spec: {
        capacity: { storage: '10Gi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName,
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: volume },
        hostPath: { path: '/nowhere' },
      },
    });
    await expect.poll(async () => (await claimOf(namespace))?.status?.phase, within).toBe('Bound');
  };

  const claimOf = (namespace: string) =>
    fixture.get<LiveObject & IPersistentVolumeClaim>(persistentVolumeClaims, namespace, volume);
  const databaseOf = (namespace: string) =>
    fixture.get<LiveObject & IStatefulSet>(statefulSets, namespace, 'acme-database');

  /** Has a stalled tenant looked at, and waits until it says so: that any tenant was looked at would not tell. */
  const lookAtStalled = async (namespace: string, wave: number): Promise<void> => {
    const { metadata } = await fixture.patchSpec({ namespace }, { updatePolicy: { wave } });
    await fixture.expectCondition({ namespace }, 'Stalled', { observedGeneration: metadata.generation ?? 0 });
  };

  describe('one issuer for two tenants', () => {
    const issuer = 'https://id.shared.example';
    const [elder, younger] = [{ namespace: 'elder' }, { namespace: 'younger', name: 'other' }] as const;

    it('the younger is told of the elder, in whichever namespace, and nothing is made for it', async () => {
      await fixture.createReadyTenant(elder, { issuer });
      await cluster.createNamespace(younger.namespace);
      await fixture.createTenant(younger, { issuer });
      await fixture.expectCondition(younger, 'Stalled', {
        status: 'True',
        reason: 'IssuerInUse',
        message: expect.stringContaining('"elder/acme"'),
      });
      expect(await fixture.list(secrets, younger.namespace)).toEqual([]);
      await fixture.expectReady(elder);
    });

    it('goes on by itself when the elder is gone', async () => {
      await fixture.deleteTenant(elder);
      await fixture.expectReady(younger);
    });

    it('one that comes back is the younger now, and what runs of the other goes on', async () => {
      await fixture.createTenant(elder, { issuer });
      await fixture.expectCondition(elder, 'Stalled', {
        reason: 'IssuerInUse',
        message: expect.stringContaining('"younger/other"'),
      });
      await fixture.expectReady(younger);
    });
  });

  describe('a larger volume', () => {
    it('is asked for, the StatefulSet made again, and its pod stays', async () => {
      const namespace = 'growing';
      await createStorageClass('growing', true);
      const managed = { storage: '1Gi', storageClassName: 'growing' };
      await fixture.createReadyTenant({ namespace }, { database: { managed } });
      await provideVolume(namespace, 'growing');
      const before = await databaseOf(namespace);
      const podOf = () => fixture.get<LiveObject & IPod>(pods, namespace, 'acme-database-0');
      const pod = await podOf();

      await fixture.patchSpec({ namespace }, { database: { managed: { ...managed, storage: '2Gi' } } });
      await expect
        .poll(async () => (await claimOf(namespace))?.spec?.resources?.requests?.['storage'], within)
        .toBe('2Gi');
      await expect
        .poll(async () => {
          const live = await databaseOf(namespace);
          const storage = live?.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.['storage'];
          return {
            storage,
            isAnother: live?.metadata.uid !== before?.metadata.uid,
            ready: live?.status?.readyReplicas,
          };
        }, within)
        .toEqual({ storage: '2Gi', isAnother: true, ready: 1 });
      await fixture.expectCondition({ namespace }, 'Ready', { status: 'True', observedGeneration: 2 });

      const after = await podOf();
      expect(after?.metadata.uid).toBe(pod?.metadata.uid);
      const owner = (await databaseOf(namespace))?.metadata.uid;
      expect(after?.metadata.ownerReferences?.map(({ uid }) => uid)).toEqual([owner]);
      const told = (await fixture.list<LiveObject & IEvent>(builtInResources.events, namespace)).filter(
        ({ reason }) => reason === 'ObjectReplaced',
      );
      expect(told).toEqual([expect.objectContaining({ type: 'Normal', count: 1 })]);
    });

    it('that its StorageClass does not give is said, what runs goes on, and the refusal is no loop', async () => {
      const namespace = 'fixed';
      await createStorageClass('fixed', false);
      const managed = { storage: '1Gi', storageClassName: 'fixed' };
      await fixture.createReadyTenant({ namespace }, { database: { managed } });
      await provideVolume(namespace, 'fixed');
      const before = await databaseOf(namespace);
      await fixture.patchSpec({ namespace }, { database: { managed: { ...managed, storage: '2Gi' } } });
      await fixture.expectCondition({ namespace }, 'Stalled', {
        status: 'True',
        reason: 'VolumeNotExpandable',
        message: expect.stringMatching(
          /cannot grow from 1Gi to 2Gi; .*allowVolumeExpansion.*only dynamically provisioned/,
        ),
      });
      expect((await databaseOf(namespace))?.metadata.uid).toBe(before?.metadata.uid);

      // A try and a report for each change, a try more for its own report; and no look that nobody asked for.
      await lookAtStalled(namespace, 1);
      await expect.poll(() => operated.operator.isIdle(), within).toBe(true);
      const writes = await operated.operator.writes();
      for (const wave of [2, 3, 4]) await lookAtStalled(namespace, wave);
      await expect.poll(() => operated.operator.isIdle(), within).toBe(true);
      // One more, when the look at the first report came after the count.
      expect((await operated.operator.writes()) - writes).toBeLessThanOrEqual(3 * 3 + 1);

      await createStorageClass('fixed', true);
      // Admission hears of it by a watch of its own: until then it refuses, and the next look would be in five minutes.
      let wave = 4;
      const readyAfterLook = async () => {
        wave += 1;
        const { metadata } = await fixture.patchSpec({ namespace }, { updatePolicy: { wave } });
        const condition = async () =>
          (await fixture.getTenant({ namespace }))?.status?.conditions?.find(({ type }) => type === 'Ready');
        await expect.poll(async () => (await condition())?.observedGeneration, within).toBe(metadata.generation);
        return (await condition())?.reason;
      };
      await expect.poll(readyAfterLook, { timeout: 60_000, interval: 1_000 }).not.toBe('VolumeNotExpandable');
      await fixture.expectReady({ namespace });
    });
  });

  it('a Service that somebody made anew with an address, where none may be, is replaced', async () => {
    const namespace = 'replaced';
    await fixture.createReadyTenant({ namespace });
    const headless = () => fixture.get<LiveObject & IService>(services, namespace, 'acme-auth-pods');
    const live = await headless();
    const { labels, ownerReferences } = live?.metadata ?? {};
    await operated.whileNoOperatorRuns(async () => {
      await cluster.client.delete({ resource: services, namespace, name: 'acme-auth-pods' });
      await cluster.client.create({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'acme-auth-pods', namespace, labels: labels ?? {}, ownerReferences: ownerReferences ?? [] },
        spec: { selector: live?.spec?.selector, ports: live?.spec?.ports },
      });
    });
    await expect.poll(async () => (await headless())?.spec?.clusterIP, within).toBe('None');
    await fixture.expectReady({ namespace });
  });

  it('what an earlier tenant of this name ran is taken up, when it was left without an owner', async () => {
    const namespace = 'orphans';
    const tenant = { resource: customResources.identityTenants, namespace, name: 'acme' };
    await fixture.createReadyTenant({ namespace });
    const deployment = () => fixture.get(deployments, namespace, 'acme-auth');
    const before = await deployment();
    await cluster.client.delete(tenant, { propagationPolicy: 'Orphan' });
    await expect.poll(() => cluster.client.get(tenant), within).toBeUndefined();
    expect((await deployment())?.metadata.ownerReferences ?? []).toEqual([]);

    const { metadata } = await fixture.createTenant({ namespace });
    await fixture.expectReady({ namespace });
    const after = await deployment();
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
    expect(after?.metadata.ownerReferences).toMatchObject([{ uid: metadata.uid }]);
  });
});
