import type { IDeployment, IReplicaSet } from 'kubernetes-models/apps/v1';
import type { IPod } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditLogFlags, isForbidden, readAuditLog } from '../e2e/cluster/audit-log.ts';
import { waitUntil } from '../e2e/cluster/wait.ts';
import { renderChart } from '../tools/chart/chart.ts';
import type { Condition } from './api/conditions.ts';
import { apiVersion, labels, managedByValue } from './api/group.ts';
import { identityTenantSchema } from './api/identity-tenant.ts';
import type { LiveObject } from './runtime/kubernetes-object.ts';
import { builtInResources, type ResourceKind } from './runtime/resource-kind.ts';
import { optionalResources } from './tenant/caches/optional-resources.ts';
import { ownedKinds } from './tenant/caches/tenant-caches.ts';
import { customResources } from './tenant/custom-resources.ts';
import { startAuthStandIn } from './testing/auth-stand-in.ts';
import { foreignDefinitions, installForeignDefinitions } from './testing/foreign-definitions.ts';
import { type KubeletStandIn, startKubeletStandIn } from './testing/kubelet-stand-in.ts';
import { installOperatorAccount, removeOperatorRights } from './testing/operator-account.ts';
import { listGrantedRights, listUsedRights } from './testing/rights.ts';
import { startOperator } from './testing/running-operator.ts';
import { resourceQuotas, startTestCluster, type TestCluster } from './testing/test-cluster.ts';

type WithConditions = LiveObject & { readonly status?: { readonly conditions?: readonly Condition[] } };

const { identityTenants, identityClients } = customResources;
const { deployments, ingresses, leases, pods, replicaSets, serviceAccounts, statefulSets } = builtInResources;
const { serviceMonitors } = optionalResources;
const within = { timeout: 30_000, interval: 50 };

/**
 * Asked for by an admission plug-in on the way of another request, so that no request shows it: whoever sets an owner
 * that holds up deletion must be allowed to finalize that owner. Without it the plug-in refuses, which the last test
 * shows.
 */
const askedByAdmission = [
  'update identityclients/finalizers.identity-operator.io',
  'update identitytenants/finalizers.identity-operator.io',
];

describe('the rights of an installation', { timeout: 240_000 }, () => {
  let cluster: TestCluster;
  let kubelets: KubeletStandIn;

  beforeAll(async () => {
    cluster = await startTestCluster({
      apiServerFlags: (directory) => [
        ...auditLogFlags(directory),
        // On in OpenShift.
        '--enable-admission-plugins=OwnerReferencesPermissionEnforcement',
        // Off in Kubernetes before 1.32 and in 1.33: a watch does not begin with what there is, which is listed then.
        '--feature-gates=WatchList=false',
      ],
    });
    kubelets = await startKubeletStandIn(cluster.client);
    await installForeignDefinitions(cluster.client, ...foreignDefinitions);
  });
  afterAll(async () => {
    await kubelets?.stop();
    await cluster?.stop();
  });

  const get = <T extends LiveObject>(resource: ResourceKind, namespace: string, name: string) =>
    cluster.client.get<T>({ resource, namespace, name });
  const remove = (resource: ResourceKind, namespace: string, name: string) =>
    cluster.client.delete({ resource, namespace, name });
  const names = async (resource: ResourceKind, namespace: string) =>
    (await cluster.client.list(resource, { namespace })).items.map(({ metadata }) => metadata.name).sort();
  const expectGone = (resource: ResourceKind, namespace: string, name: string) =>
    expect.poll(() => names(resource, namespace), within).not.toContain(name);

  /** Waits until a condition is so, of what was asked for last. */
  const expectCondition = (
    { resource, namespace, name }: { resource: ResourceKind; namespace: string; name: string },
    type: string,
    expected: Partial<Condition>,
  ) =>
    expect
      .poll(async () => {
        const object = await get<WithConditions>(resource, namespace, name);
        const generation = object?.metadata.generation;
        return object?.status?.conditions?.find(
          (condition) => condition.type === type && condition.observedGeneration === generation,
        );
      }, within)
      .toMatchObject(expected);

  const tenantIn = (namespace: string) => ({ resource: identityTenants, namespace, name: 'acme' });
  const expectReady = (namespace: string) => expectCondition(tenantIn(namespace), 'Ready', { status: 'True' });
  const createTenant = (namespace: string, spec: Record<string, unknown> = {}) =>
    cluster.client.create({
      apiVersion,
      kind: 'IdentityTenant',
      metadata: { name: 'acme', namespace },
      spec: { issuer: `https://id.${namespace}.example`, ...spec },
    });
  const changeTenant = (namespace: string, spec: Record<string, unknown>) =>
    cluster.client.patchMerge(tenantIn(namespace), { spec });

  /** Registers a client with auth, and takes it back. */
  const serveClient = async (namespace: string): Promise<void> => {
    const auth = await startAuthStandIn(cluster.client, namespace, 'acme');
    try {
      await cluster.client.create({
        apiVersion,
        kind: 'IdentityClient',
        metadata: { name: 'app', namespace },
        spec: { tenantRef: { name: 'acme' }, redirectURIs: ['https://app.example.com/callback'] },
      });
      const app = { resource: identityClients, namespace, name: 'app' };
      await expectCondition(app, 'Ready', { status: 'True' });
      await remove(identityClients, namespace, 'app');
      await expectGone(identityClients, namespace, 'app');
    } finally {
      await auth.stop();
    }
  };

  /** Asks for what the API server refuses, and corrects it; twice, so that the second time is told by a count. */
  const failTwice = async (namespace: string): Promise<void> => {
    const annotation = 'container.apparmor.security.beta.kubernetes.io/auth';
    for (const profile of ['no profile', null, 'no profile', null]) {
      await changeTenant(namespace, { auth: { podAnnotations: { [annotation]: profile } } });
      if (profile === null) await expectReady(namespace);
      else await expectCondition(tenantIn(namespace), 'Stalled', { reason: 'ObjectRefused' });
    }
  };

  /** Puts something in the place of a Deployment that no apply can turn into it: the selector is another one. */
  const replaceDeployment = async (namespace: string): Promise<void> => {
    const ours = await get<LiveObject & IDeployment>(deployments, namespace, 'acme-auth');
    if (ours?.spec?.template.spec === undefined) throw new Error('acme-auth is not there');
    const { labels: present = {}, ownerReferences = [] } = ours.metadata;
    const other = { other: 'yes' };
    await changeTenant(namespace, { paused: true });
    await expectCondition(tenantIn(namespace), 'Ready', { reason: 'Paused' });
    await remove(deployments, namespace, 'acme-auth');
    await cluster.client.create({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'acme-auth', namespace, labels: present, ownerReferences },
      spec: {
        replicas: 0,
        selector: { matchLabels: other },
        template: { metadata: { labels: other }, spec: ours.spec.template.spec },
      },
    });
    await changeTenant(namespace, { paused: false });
    await expectReady(namespace);
  };

  /** What a version before made under other names goes. */
  const pruneStrays = async (namespace: string): Promise<void> => {
    for (const { resource, spec } of [
      { resource: serviceAccounts, spec: {} },
      { resource: serviceMonitors, spec: { spec: { endpoints: [], selector: {} } } },
    ]) {
      const [model] = (await cluster.client.list(resource, { namespace })).items.filter(
        ({ metadata }) => metadata.ownerReferences !== undefined,
      );
      const { labels: present = {}, ownerReferences = [] } = model?.metadata ?? {};
      const metadata = { name: 'acme-before', namespace, labels: present, ownerReferences };
      await cluster.client.create({ apiVersion: resource.apiVersion, kind: resource.kind, metadata, ...spec });
      await expectGone(resource, namespace, 'acme-before');
    }
    // Settings go with the last ReplicaSet that names them.
    const idle = (await cluster.client.list<LiveObject & IReplicaSet>(replicaSets, { namespace })).items.filter(
      ({ status }) => status?.replicas === 0,
    );
    for (const { metadata } of idle) await remove(replicaSets, namespace, metadata.name);
  };

  /** Takes the label from objects by which they are watched: each is read by its name, and gets it back. */
  const damageLabels = async (namespace: string, kinds: readonly ResourceKind[]): Promise<void> => {
    const damaged = await Promise.all(
      kinds.map(async (resource) => {
        const { items } = await cluster.client.list(resource, { namespace });
        const name = items.find(({ metadata }) => metadata.labels?.[labels.managedBy] === managedByValue)?.metadata
          .name;
        if (name === undefined) throw new Error(`there is no ${resource.kind} of ours`);
        const reference = { resource, namespace, name };
        await cluster.client.patchMerge(reference, { metadata: { labels: { [labels.managedBy]: null } } });
        return reference;
      }),
    );
    const unrepaired = async () => {
      const objects = await Promise.all(damaged.map((reference) => cluster.client.get(reference)));
      return objects
        .filter((object) => object?.metadata.labels?.[labels.managedBy] !== managedByValue)
        .map((object) => object?.kind);
    };
    await expect.poll(unrepaired, within).toEqual([]);
  };

  /** Loses a zone, whose pods come back with it. */
  const loseZone = async (namespace: string): Promise<void> => {
    const zones = async () =>
      identityTenantSchema.parse(await cluster.client.get(tenantIn(namespace))).status.zones ?? 'unknown';
    const { items } = await cluster.client.list<LiveObject & IPod>(pods, { namespace });
    await kubelets.loseZone('zone-3');
    for (const { metadata, spec } of items) {
      // What the taint of a lost node does to its pods after a while.
      if (spec?.nodeName === 'node3') await remove(pods, namespace, metadata.name);
    }
    await expect.poll(zones, within).toBe('2/3');
    await expectReady(namespace);
    await kubelets.returnZone('zone-3');
    await expect.poll(zones, { timeout: 60_000, interval: 100 }).toBe('3/3');
  };

  /** With every feature, then with none of them, with another database; what is kept is inherited, and deleted. */
  const liveThrough = async (namespace: string): Promise<void> => {
    const createSecret = (name: string, stringData: Record<string, string>) =>
      cluster.client.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData });
    await createSecret('gateway-tls', { 'tls.crt': 'a certificate', 'tls.key': 'its key' });
    await createSecret('database', { url: 'postgres://owner:secret@db.example.com/identity' });
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none', namespace } };
    await cluster.client.create({ ...quota, spec: { hard: { 'count/secrets': '0' } } });
    await createTenant(namespace, {
      gateway: {
        tls: { secretName: 'gateway-tls' },
        autoscaling: { maxReplicas: 5 },
        exposure: { gatewayAPI: { parentRefs: [{ name: 'public' }] } },
      },
    });
    await expectCondition(tenantIn(namespace), 'Reconciling', { reason: 'ReconcileFailed' });
    await remove(resourceQuotas, namespace, 'none');
    await expectReady(namespace);
    await serveClient(namespace);
    await loseZone(namespace);
    await damageLabels(
      namespace,
      [...ownedKinds, ...Object.values(optionalResources)].filter((kind) => kind !== ingresses),
    );

    await changeTenant(namespace, { gateway: { autoscaling: null, exposure: { gatewayAPI: null, ingress: {} } } });
    await expect.poll(() => names(ingresses, namespace), within).toHaveLength(1);
    await expectReady(namespace);
    await damageLabels(namespace, [ingresses]);
    await changeTenant(namespace, { gateway: { exposure: { ingress: null } }, availability: { mode: 'Single' } });
    await expectReady(namespace);

    await failTwice(namespace);
    await replaceDeployment(namespace);
    await pruneStrays(namespace);

    await changeTenant(namespace, { paused: true, database: { connection: { secretRef: { name: 'database' } } } });
    await changeTenant(namespace, { paused: false });
    await expectReady(namespace);
    await expect.poll(() => names(statefulSets, namespace), within).toEqual([]);
    await remove(identityTenants, namespace, 'acme');
    await expect.poll(() => names(deployments, namespace), within).toEqual([]);

    await createTenant(namespace, { deletionPolicy: 'Delete' });
    await expectReady(namespace);
    await remove(identityTenants, namespace, 'acme');
    await expectGone(identityTenants, namespace, 'acme');
  };

  /** Lets an operator with the rights of a rendering lead while `live` runs. @returns what it asked of the API server */
  const callsOf = async (rendering: string, namespaces: readonly string[] | undefined, live: () => Promise<void>) => {
    const { directory } = cluster.plane;
    const account = await installOperatorAccount(cluster.plane, rendering);
    const before = await readAuditLog(directory).catch(() => []);
    const operator = startOperator(account, 'identity-operator', 'operator', { namespaces });
    try {
      await waitUntil('the operator to lead', 30_000, async () => operator.isLeading());
      await live();
    } finally {
      await operator.stop();
      await removeOperatorRights(cluster.plane);
      // So that the next one makes it, too.
      await remove(leases, 'identity-operator', 'identity-operator');
    }
    return (await readAuditLog(directory)).slice(before.length);
  };

  const expectExact = (calls: Awaited<ReturnType<typeof callsOf>>, rendering: string): void => {
    expect(calls.filter(isForbidden)).toEqual([]);
    expect(listUsedRights(calls)).toEqual(
      listGrantedRights(rendering).filter((right) => !askedByAdmission.includes(right)),
    );
  };

  it('everywhere: each is used, and none is missing', async () => {
    await cluster.createNamespace('anywhere');
    const rendering = await renderChart({ crds: { install: false } });
    expectExact(await callsOf(rendering, undefined, () => liveThrough('anywhere')), rendering);
  });

  it('in some namespaces: each is used, and none is missing', async () => {
    await cluster.createNamespace('narrow');
    const rendering = await renderChart({ crds: { install: false }, watchNamespaces: ['narrow'] });
    expectExact(await callsOf(rendering, ['narrow'], () => liveThrough('narrow')), rendering);
  });

  it('in some namespaces, with none in the scope of the cluster, suffice', async () => {
    await cluster.createNamespace('strict');
    const values = { crds: { install: false }, watchNamespaces: ['strict'], rbac: { clusterReads: false } };
    const calls = await callsOf(await renderChart(values), ['strict'], async () => {
      await createTenant('strict');
      await expectReady('strict');
    });
    const refused = new Set(calls.filter(isForbidden).map(({ resource }) => resource));
    expect(refused).toEqual(new Set(['nodes', 'customresourcedefinitions']));
  });

  it.each(askedByAdmission)('without %s no owner can be set where that is checked', async (right) => {
    const resource = right.replace(/^update |[.].*$/g, '');
    const rendering = (await renderChart({ crds: { install: false } })).replace(`${resource}`, 'others/finalizers');
    const namespace = resource.replace('/', '-');
    await cluster.createNamespace(namespace);
    const calls = await callsOf(rendering, undefined, async () => {
      await createTenant(namespace);
      await cluster.client.create({
        apiVersion,
        kind: 'IdentityClient',
        metadata: { name: 'app', namespace },
        spec: { tenantRef: { name: 'acme' }, redirectURIs: ['https://app.example.com/callback'] },
      });
      await waitUntil('a refusal', 30_000, async () =>
        (await readAuditLog(cluster.plane.directory)).some(
          (call) => call.namespace === namespace && call.message.includes('cannot set blockOwnerDeletion'),
        ),
      );
    });
    expect(calls.some(isForbidden)).toBe(true);
  });
});
