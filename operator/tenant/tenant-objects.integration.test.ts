import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { annotations, apiVersion } from '../api/group.ts';
import type { Blueprint } from '../manifests/blueprint.ts';
import { buildTenantObjects, type TenantObject } from '../manifests/tenant-objects.ts';
import { findApplyReason, findDifferences, withDesiredHash } from '../runtime/desired-state.ts';
import { buildTenant, buildTestBlueprint } from '../testing/tenants.ts';
import { startTestCluster, type TestCluster } from '../testing/test-cluster.ts';

const testdata = path.join(import.meta.dirname, '../manifests/testdata');
const ending = '.in.yaml';

/** Specs as users write them, by name. */
const specs = new Map<string, Record<string, unknown>>(
  readdirSync(testdata)
    .filter((file) => file.endsWith(ending))
    .map((file) => [file.slice(0, -ending.length), parse(readFileSync(path.join(testdata, file), 'utf8'))]),
);
specs.set('odd-quantities', {
  issuer: 'https://id.acme.example',
  database: { managed: { storage: '1024Mi', resources: { requests: { memory: '0.5Gi' } } } },
  auth: { resources: { requests: { cpu: '0.5', memory: '1024Mi' }, limits: { cpu: 1, memory: '2000M' } } },
});

const buildAll = (blueprint: Blueprint): TenantObject[] => {
  const { foundation, database, migrateJob, workloads } = buildTenantObjects(blueprint, {
    passwords: { owner: 'a', auth: 'b', tokenStore: 'c' },
    ...(blueprint.spec.database?.connection === undefined
      ? {}
      : { external: { url: 'postgres://owner:d@db.example.com/identity?sslmode=verify-full', ca: 'a CA' } }),
    internalCa: 'the internal CA',
  });
  return [...foundation, ...(database === undefined ? [] : [database]), migrateJob, ...workloads];
};

/** The pod that a controller would make of an object's template; undefined for what has none. */
const buildPod = (object: TenantObject) => {
  if (object.kind !== 'Deployment' && object.kind !== 'StatefulSet' && object.kind !== 'Job') return undefined;
  const template = object.spec?.template;
  const claims = object.kind === 'StatefulSet' ? (object.spec?.volumeClaimTemplates ?? []) : [];
  const claimed = claims.map(({ metadata }) => ({ name: metadata?.name ?? '', emptyDir: {} }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: object.metadata?.name ?? '',
      namespace: object.metadata?.namespace ?? '',
      labels: template?.metadata?.labels ?? {},
    },
    spec: { ...template?.spec, volumes: [...(template?.spec?.volumes ?? []), ...claimed] },
  };
};

describe("a tenant's objects at the real API server", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startTestCluster();
  });
  afterAll(() => cluster?.stop());

  /** The objects of a tenant that exists, so that garbage collection leaves them alone. */
  const buildFor = async (namespace: string, spec: Record<string, unknown>): Promise<TenantObject[]> => {
    await cluster.createNamespace(namespace);
    const metadata = { name: 'acme', namespace };
    const { metadata: live } = await cluster.client.create({ apiVersion, kind: 'IdentityTenant', metadata, spec });
    return buildAll(buildTestBlueprint(buildTenant(spec, { namespace, uid: live.uid })));
  };

  it.each([...specs.keys()])('%s: come back as they were sent, and their pods are restricted ones', async (name) => {
    const objects = await buildFor(name, specs.get(name) ?? {});
    const found: Record<string, string[]> = {};
    for (const desired of objects) {
      const live = await cluster.client.applyServerSide(withDesiredHash(desired, annotations.desiredHash));
      const differences = findDifferences(desired, live);
      if (differences.length > 0) found[`${desired.kind} ${desired.metadata?.name}`] = differences;
      expect(findApplyReason(desired, live, annotations.desiredHash)).toBeUndefined();
    }
    expect(found).toEqual({});

    const pods = objects.map(buildPod).filter((pod) => pod !== undefined);
    expect(pods.length).toBeGreaterThanOrEqual(4);
    // Pod Security refuses what is not `restricted`, and names why.
    for (const pod of pods) await cluster.client.create(pod);
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
