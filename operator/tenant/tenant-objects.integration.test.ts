import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { annotations, apiVersion, fieldManagers } from '../api/group.ts';
import { type IdentityTenant, identityTenantSchema } from '../api/identity-tenant.ts';
import type { Blueprint } from '../manifests/blueprint.ts';
import { listTenantObjects, type TenantObject } from '../manifests/tenant-objects.ts';
import { findApplyReason, withDesiredHash } from '../runtime/desired-state.ts';
import type { KubernetesObject, LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { foreignDefinitions, installForeignDefinitions } from '../testing/foreign-definitions.ts';
import { buildGoldenObjects, goldenSpecs, servedFor } from '../testing/golden-tenants.ts';
import { buildTestBlueprint } from '../testing/tenants.ts';
import { startTestCluster, type TestCluster } from '../testing/test-cluster.ts';
import { applyPlan } from './apply.ts';
import { createFieldMutations } from './caches/field-mutations.ts';
import type { Plan } from './plan.ts';

const nothingPlanned = (blueprint: Blueprint): Plan => ({
  blueprint,
  secrets: [],
  repair: [],
  grow: [],
  remember: undefined,
  apply: [],
  replicas: [],
  remove: [],
  evict: [],
  finalizer: 'keep',
  status: {},
  events: [],
  requeueAfterMilliseconds: 0,
});

type Spec = Readonly<Record<string, unknown>>;

/** Specs by name: the golden ones, and those with values that are easily written in two ways. */
const specs = new Map<string, Spec>([
  ...goldenSpecs,
  [
    'odd-quantities',
    {
      issuer: 'https://id.acme.example',
      database: { managed: { storage: '1024Mi', resources: { requests: { memory: '0.5Gi' } } } },
      auth: { resources: { requests: { cpu: '0.5', memory: '1024Mi' }, limits: { cpu: 1, memory: '2000M' } } },
      gateway: { resources: { requests: { cpu: '007', memory: '1Ki' }, limits: { memory: '8Ei' } } },
    },
  ],
]);

/** The pod that a controller would make of an object's template; undefined for what has none. */
const buildPod = (object: TenantObject) => {
  if (object.kind !== 'Deployment' && object.kind !== 'StatefulSet' && object.kind !== 'Job') return undefined;
  const template = object.spec?.template;
  const claims = object.kind === 'StatefulSet' ? (object.spec?.volumeClaimTemplates ?? []) : [];
  const claimed = claims.map(({ metadata }) => ({ name: metadata?.name ?? '', emptyDir: {} }));
  // A PriorityClass has to be there for a pod, and is the user's.
  const { priorityClassName: _theirs, ...spec } = template?.spec ?? { containers: [] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: object.metadata?.name ?? '',
      namespace: object.metadata?.namespace ?? '',
      labels: template?.metadata?.labels ?? {},
    },
    spec: { ...spec, volumes: [...(spec.volumes ?? []), ...claimed] },
  };
};

const describeObject = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata?.name}`;

describe("a tenant's objects at the real API server", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startTestCluster();
    await installForeignDefinitions(cluster.client, ...foreignDefinitions);
  });
  afterAll(() => cluster?.stop());

  /** The tenant as the API server has it, so that its defaults, and none of ours, are built from. */
  const createTenant = async (namespace: string, spec: Spec): Promise<IdentityTenant> => {
    await cluster.createNamespace(namespace);
    const metadata = { name: 'acme', namespace };
    const tenant = await cluster.client.create({ apiVersion, kind: 'IdentityTenant', metadata, spec });
    return identityTenantSchema.parse(tenant);
  };

  /**
   * What the API server would make of objects, by name, and what it says beside. kubectl, since it asks for unknown fields
   * to be refused and prints warnings: of deprecated fields, of Pod Security, of values that are none.
   */
  const dryRun = async (objects: readonly TenantObject[]) => {
    const input = JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: objects.map((object) => withDesiredHash(object, annotations.desiredHash)),
    });
    const { stdout, stderr } = await execa(
      `${cluster.plane.binaries}/kubectl`,
      [
        ...['--kubeconfig', cluster.plane.kubeconfigPath, 'apply', '--server-side', '--dry-run=server', '-o', 'json'],
        ...['--force-conflicts', '--validate=strict', '--field-manager', fieldManagers.objects, '-f', '-'],
      ],
      { input },
    );
    // The API server has validated each by its kind.
    const { items } = JSON.parse(stdout) as { items: LiveObject[] };
    return { warnings: stderr, live: new Map(items.map((item) => [describeObject(item), item])) };
  };

  it.each([...specs])('%s: come back as they were sent, without a warning', async (name, spec) => {
    const tenant = await createTenant(name, spec);
    const objects = listTenantObjects(buildGoldenObjects(tenant, servedFor(name)));
    const { warnings, live } = await dryRun(objects);
    expect(warnings).toBe('');
    const reasons = objects.map((desired): [string, unknown] => [
      describeObject(desired),
      findApplyReason(desired, live.get(describeObject(desired)), annotations.desiredHash),
    ]);
    expect(Object.fromEntries(reasons.filter(([, reason]) => reason !== undefined))).toEqual({});
  });

  it.each([...goldenSpecs])('%s: pods are restricted ones', async (name, spec) => {
    const tenant = await createTenant(`pods-${name}`, spec);
    const objects = listTenantObjects(buildGoldenObjects(tenant, servedFor(name)));
    const account = objects.find(({ kind }) => kind === 'ServiceAccount');
    if (account !== undefined) await cluster.client.applyServerSide(account);
    const pods = objects.map(buildPod).filter((pod) => pod !== undefined);
    expect(pods.length).toBeGreaterThanOrEqual(4);
    // Pod Security refuses what is not `restricted`, and names why.
    for (const pod of pods) await cluster.client.create(pod);
  });

  it('are changed as they were seen only: not what is made anew meanwhile, and nothing is made of what is gone', async () => {
    const namespace = 'replaced';
    const tenant = await createTenant(namespace, { issuer: 'https://id.replaced.example' });
    const auth = listTenantObjects(buildGoldenObjects(tenant, servedFor('minimal'))).find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata?.name === 'acme-auth',
    );
    if (auth === undefined) throw new Error('a tenant has a Deployment of auth');
    const deployment = { resource: builtInResources.deployments, namespace, name: 'acme-auth' };
    const seen = await cluster.client.create(withDesiredHash(auth, annotations.desiredHash));
    const changed: TenantObject = {
      ...auth,
      metadata: { ...auth.metadata, labels: { ...auth.metadata?.labels, new: 'a' } },
    };
    const write = (plan: Partial<Plan>) => {
      const observed = { objects: [seen], secrets: new Map() };
      return applyPlan({ ...nothingPlanned(buildTestBlueprint(tenant)), ...plan }, observed, {
        client: cluster.client,
        now: () => new Date(),
        signal: new AbortController().signal,
        mutations: createFieldMutations(),
        onMutated: () => undefined,
        onReplaced: () => undefined,
      });
    };
    const replicas = [{ deployment: 'acme-auth', uid: seen.metadata.uid, replicas: 7 }];

    await cluster.client.delete(deployment);
    await expect(write({ apply: [changed] })).rejects.toMatchObject({ reason: 'Conflict' });
    await expect(write({ replicas })).rejects.toMatchObject({ reason: 'Conflict' });
    expect(await cluster.client.get(deployment)).toBeUndefined();
    const anew = await cluster.client.create(withDesiredHash(auth, annotations.desiredHash));
    await expect(write({ apply: [changed] })).rejects.toMatchObject({ reason: 'Conflict' });
    await expect(write({ replicas })).rejects.toMatchObject({ reason: 'Conflict' });
    expect((await cluster.client.get(deployment))?.metadata.generation).toBe(anew.metadata.generation);
    expect((await cluster.client.get(deployment))?.metadata.labels).not.toHaveProperty('new');
  });

  it('the namespaces of this test do refuse a pod that may become root', async () => {
    await cluster.createNamespace('refusing');
    const container = { name: 'main', image: 'example.com/main:1' };
    const metadata = { name: 'root', namespace: 'refusing' };
    const create = cluster.client.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { containers: [container] },
    });
    await expect(create).rejects.toThrow(/violates PodSecurity "restricted.*allowPrivilegeEscalation/);
  });
});
