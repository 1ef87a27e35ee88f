import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ISecret } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labels } from '../api/group.ts';
import type { KubernetesObject, LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources, createResourceLookup } from '../runtime/resource-kind.ts';
import { type OperatedCluster, startOperatedCluster } from '../testing/operated-cluster.ts';
import { createTenantFixture } from '../testing/tenant-fixture.ts';
import type { TestCluster } from '../testing/test-cluster.ts';
import { decodeEntries } from './caches/object-projections.ts';
import { ownedKinds } from './caches/tenant-caches.ts';

const namespace = 'drift';
const repaired = { timeout: 5_000, interval: 25 };
const resourceOf = createResourceLookup([]);

/** A field of each kind that the operator sets, and what somebody makes of it. */
const damage: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ConfigMap: { data: { 'live.json': '{}' } },
  Secret: {},
  Service: { spec: { selector: { [labels.component]: 'nothing' } } },
  ServiceAccount: { automountServiceAccountToken: true },
  Deployment: { spec: { minReadySeconds: 3 } },
  StatefulSet: { spec: { template: { spec: { terminationGracePeriodSeconds: 7 } } } },
  Job: { spec: { backoffLimit: 1 } },
  PodDisruptionBudget: { spec: { maxUnavailable: 2 } },
  NetworkPolicy: { spec: { policyTypes: ['Egress'] } },
};
/** Of a Secret every entry: URLs that are none any more, above all, must not keep the tenant from being looked at. */
const damageOf = (object: LiveObject): Readonly<Record<string, unknown>> => {
  if (object.kind !== 'Secret') return damage[object.kind] ?? {};
  // Kubernetes validated it as a Secret.
  const { data = {} } = object as LiveObject & ISecret;
  return { data: Object.fromEntries(Object.keys(data).map((entry) => [entry, 'eA=='])) };
};
/** What is generated is the truth itself: only its metadata can be damaged, and where it is retained nothing replaces it. */
const generated =
  /-(signing-keys|cookie-keys|pairwise-salt|data-encryption-keys|database-credentials|internal-ca|\w+-identity|store-identity)$/;
const retained = /-(signing-keys|cookie-keys|pairwise-salt|data-encryption-keys|database-credentials)$/;

describe('what somebody damages of an object of ours', () => {
  let operated: OperatedCluster;
  let cluster: TestCluster;
  let objects: LiveObject[] = [];

  const referenceTo = (object: LiveObject) => ({
    resource: resourceOf(object),
    namespace,
    name: object.metadata.name,
  });
  const read = (object: LiveObject) => cluster.client.get(referenceTo(object));
  const patch = (object: LiveObject, change: Readonly<Record<string, unknown>>) =>
    cluster.client.patchMerge(referenceTo(object), change);

  /** What of an object is ours to set; controllers and the API server write the rest. */
  const content = (object: LiveObject | undefined): unknown => {
    if (object === undefined) return undefined;
    const { status: _status, metadata, ...rest } = object as LiveObject & { status?: unknown };
    const { ownerReferences, name } = metadata;
    const ourLabels = Object.values(labels).map((label) => [label, metadata.labels?.[label]]);
    const issuer = metadata.annotations?.['identity-operator.io/issuer'];
    return { ...rest, metadata: { name, ourLabels, ownerReferences, issuer } };
  };

  const expectRepaired = async (object: LiveObject, act: () => Promise<unknown>): Promise<void> => {
    const before = content(await read(object));
    await act();
    const describe = `${object.kind} ${object.metadata.name}`;
    await expect
      .poll(async () => ({ [describe]: content(await read(object)) }), repaired)
      .toEqual({
        [describe]: before,
      });
  };

  /** Everything with the labels of the tenant. */
  const listObjects = async (): Promise<LiveObject[]> => {
    const { list } = createTenantFixture(cluster);
    const found = await Promise.all([...ownedKinds, builtInResources.secrets].map((kind) => list(kind, namespace)));
    return found.flat().filter(({ metadata }) => metadata.labels?.[labels.instance] === 'acme');
  };

  const inTurn = async (of: readonly LiveObject[], act: (object: LiveObject) => Promise<void>): Promise<void> => {
    for (const object of of) await act(object);
  };

  beforeAll(async () => {
    operated = await startOperatedCluster();
    ({ cluster } = operated);
  });
  afterAll(() => operated?.stop());

  it('is known for every kind', async () => {
    await createTenantFixture(cluster).createReadyTenant({ namespace }, { deletionPolicy: 'Delete' });
    objects = await listObjects();
    const kinds = new Set(objects.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual([...Object.keys(damage), 'PersistentVolumeClaim'].sort());
    expect(objects.length).toBeGreaterThan(30);
  });

  it('fields: each is repaired', () =>
    inTurn(
      objects.filter(
        ({ kind, metadata }) => damage[kind] !== undefined && !(kind === 'Secret' && generated.test(metadata.name)),
      ),
      async (object) => {
        // Nobody can change what is immutable.
        if ('immutable' in object && object.immutable === true) return;
        await expectRepaired(object, () => patch(object, damageOf(object)));
      },
    ));

  it('every label: they are put back', () =>
    inTurn(objects, async (object) => {
      const none = Object.fromEntries(Object.values(labels).map((label) => [label, null]));
      await expectRepaired(object, () => patch(object, { metadata: { labels: none } }));
    }));

  it.each([labels.managedBy, labels.instance, labels.tenantUid])(
    'the label %s, made another: it is put back',
    (label) =>
      inTurn(objects, (object) =>
        expectRepaired(object, () => patch(object, { metadata: { labels: { [label]: 'another' } } })),
      ),
  );

  it('its owner: it is named again', () =>
    inTurn(
      objects.filter(({ metadata }) => metadata.ownerReferences !== undefined),
      (object) => expectRepaired(object, () => patch(object, { metadata: { ownerReferences: null } })),
    ));

  it('the issuer that a retained object carries: it is written again', () =>
    inTurn(
      objects.filter(({ metadata }) => metadata.annotations?.['identity-operator.io/issuer'] !== undefined),
      (object) =>
        expectRepaired(object, () =>
          patch(object, { metadata: { annotations: { 'identity-operator.io/issuer': null } } }),
        ),
    ));

  it('all of it: what is deleted is made again, unless it is keys or data', () =>
    inTurn(
      objects.filter(({ kind, metadata }) => kind !== 'PersistentVolumeClaim' && !retained.test(metadata.name)),
      async (object) => {
        await cluster.client.delete(referenceTo(object));
        const uid = async () => (await read(object))?.metadata.uid ?? object.metadata.uid;
        await expect.poll(uid, repaired).not.toBe(object.metadata.uid);
      },
    ));

  // The last, since what another CA has signed is mounted by other pods and used by another Job.
  it('the key of an internal certificate, and of the CA: they are made anew', () =>
    inTurn(
      objects.filter(({ metadata }) => /-(auth-identity|internal-ca)$/.test(metadata.name)),
      async (object) => {
        await patch(object, { data: { 'tls.key': 'eA==' } });
        await expect
          .poll(async () => {
            // Kubernetes validated it as a Secret.
            const { data = {} } = ((await read(object)) ?? {}) as LiveObject & ISecret;
            const { 'tls.crt': certificate = '', 'tls.key': key = '' } = decodeEntries({ data });
            return (
              key.startsWith('-----BEGIN') && new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
            );
          }, repaired)
          .toBe(true);
      },
    ));

  it('nothing of what others add is touched', async () => {
    const mine = { annotations: { 'example.com/mine': 'yes' }, labels: { 'example.com/mine': 'yes' } };
    await createTenantFixture(cluster).expectReady({ namespace });
    const remaining = await listObjects();
    for (const object of remaining) await patch(object, { metadata: mine });
    // Each of them is looked at once more, and repaired in what is ours.
    const [service] = remaining.filter(({ kind }) => kind === 'Service');
    if (service !== undefined) await expectRepaired(service, () => patch(service, damage['Service'] ?? {}));
    for (const object of remaining) {
      const { metadata }: KubernetesObject = (await read(object)) ?? object;
      expect([metadata?.annotations?.['example.com/mine'], metadata?.labels?.['example.com/mine']]).toEqual([
        'yes',
        'yes',
      ]);
    }
  });
});
