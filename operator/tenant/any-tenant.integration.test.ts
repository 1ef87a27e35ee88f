import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authLiveSettingsSchema, authSettingsSchema } from '../../services/auth/settings.ts';
import { gatewayLiveSettingsSchema, gatewaySettingsSchema } from '../../services/gateway/settings.ts';
import { migrateSettingsSchema } from '../../services/migrate/settings.ts';
import { tokenStoreLiveSettingsSchema, tokenStoreSettingsSchema } from '../../services/token-store/settings.ts';
import { annotations, apiVersion, fieldManagers } from '../api/group.ts';
import { type IdentityTenant, identityTenantSchema, tenantSpecSchema } from '../api/identity-tenant.ts';
import { buildStructuralSchema } from '../api/structural-schema.ts';
import { listTenantObjects, type TenantObject } from '../manifests/tenant-objects.ts';
import { findApplyReason, withDesiredHash } from '../runtime/desired-state.ts';
import type { KubernetesObject, LiveObject } from '../runtime/kubernetes-object.ts';
import { foreignDefinitions, installForeignDefinitions } from '../testing/foreign-definitions.ts';
import { buildGoldenObjects, servedFor } from '../testing/golden-tenants.ts';
import { specArbitrary } from '../testing/spec-arbitrary.ts';
import { refusalOf, startTestCluster, type TestCluster } from '../testing/test-cluster.ts';

/** What rules ask for, so that they let enough through; what they refuse is the matter of another test. */
const ruled = [
  [/(TTL|[tT]imeout|MaxAge|Skew)$/, fc.constantFrom('1s', '90s', '1m30s', '1.25s', '1500ms', '0.5m')],
  [/trustedProxies\[\]$/, fc.constantFrom('10.0.0.0/8', '2001:db8::1', '::/0')],
  [/managed\.storage$/, fc.constantFrom('1Gi', '0.5Ti', '1000', '1536Mi', '1.5G')],
  [/trustBundles\[\]$/, fc.constantFrom({ configMapRef: { name: 'a' } }, { secretRef: { name: 'b', key: 'c' } })],
  [/autoscaling$/, fc.record({ minReplicas: fc.integer({ min: 1, max: 9 }), maxReplicas: fc.constantFrom(9, 1_000) })],
  [
    /tolerations\[\]$/,
    fc.constantFrom(
      { operator: 'Exists' },
      { key: 'a', value: '', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 },
      { key: 'example.com/a', operator: 'Equal', value: 'b' },
    ),
  ],
] as const;

/** The longest that Kubernetes and the schema allow. */
const namespace = `n${'s'.repeat(62)}`;
const nameOf = (index: number) => `t${'x'.repeat(35)}${index.toString(36).padStart(4, '0')}`;
const issuer = 'https://id.acme.example';

const settingsSchemas = {
  'gateway settings.json': gatewaySettingsSchema,
  'gateway live.json': gatewayLiveSettingsSchema,
  'auth settings.json': authSettingsSchema,
  'auth live.json': authLiveSettingsSchema,
  'token-store settings.json': tokenStoreSettingsSchema,
  'token-store live.json': tokenStoreLiveSettingsSchema,
  'migrate settings.json': migrateSettingsSchema,
};

/** What the services would not start with, in the settings of a tenant. */
const settingsProblems = (objects: readonly TenantObject[]): string[] =>
  objects.flatMap((object) =>
    object.kind !== 'ConfigMap'
      ? []
      : Object.entries(object.data ?? {}).flatMap(([file, text]) => {
          const component = object.metadata?.labels?.['app.kubernetes.io/component'];
          const schema = Object.entries(settingsSchemas).find(([name]) => name === `${component} ${file}`)?.[1];
          const result = schema?.safeParse(JSON.parse(text));
          return result === undefined || result.success
            ? []
            : result.error.issues.map(({ path, message }) => `${component} ${file} ${path.join('.')}: ${message}`);
        }),
  );

const describeObject = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata?.name}`;

describe('any tenant that the API server takes', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startTestCluster();
    await installForeignDefinitions(cluster.client, ...foreignDefinitions);
    await cluster.createNamespace(namespace);
  });
  afterAll(() => cluster?.stop());

  const create = (name: string, spec: object) =>
    cluster.client.create({ apiVersion, kind: 'IdentityTenant', metadata: { name, namespace }, spec });

  const getTenant = async (name: string): Promise<IdentityTenant> => {
    const resource = cluster.client.resourceOf({ apiVersion, kind: 'IdentityTenant' });
    return identityTenantSchema.parse(await cluster.client.get({ resource, namespace, name }));
  };

  const build = (tenant: IdentityTenant) => listTenantObjects(buildGoldenObjects(tenant, servedFor('everything-set')));

  /** What the API server would make of objects, and its words about those that it refuses. */
  const dryRun = async (objects: readonly TenantObject[]) => {
    const desired = objects.map((object) => withDesiredHash(object, annotations.desiredHash));
    const { stdout, stderr } = await execa(
      `${cluster.plane.binaries}/kubectl`,
      [
        ...['--kubeconfig', cluster.plane.kubeconfigPath, 'apply', '--server-side', '--dry-run=server', '-o', 'json'],
        ...['--force-conflicts', '--field-manager', fieldManagers.objects, '-f', '-'],
      ],
      { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: desired }), reject: false },
    );
    const refused = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Warning:'));
    // The API server has validated each by its kind. Where it refuses one kubectl prints none.
    const items = stdout === '' ? [] : (JSON.parse(stdout) as { items: LiveObject[] }).items;
    return { refused, live: new Map(items.map((item) => [describeObject(item), item])) };
  };

  it('can be made of its objects, as they are desired, and its services start with their settings', async () => {
    const schema = buildStructuralSchema(tenantSpecSchema, 'spec');
    const arbitrary = specArbitrary(schema, { issuer, version: '0.1.0' }, ruled);
    const specs = fc.sample(arbitrary, { numRuns: 60, seed: 1 });
    const tenants: IdentityTenant[] = [];
    for (const [index, spec] of specs.entries()) {
      const refusal = await refusalOf(create(nameOf(index), spec));
      if (refusal === undefined) tenants.push(await getTenant(nameOf(index)));
    }
    // Rules across fields refuse many; were it nearly all, this test would show nothing.
    expect(tenants.length).toBeGreaterThan(specs.length / 2);
    const objects = tenants.flatMap(build);
    expect(settingsProblems(objects)).toEqual([]);
    const { refused, live } = await dryRun(objects);
    expect(refused).toEqual([]);
    const differing = objects
      .map((desired): [string, unknown] => [
        describeObject(desired),
        findApplyReason(desired, live.get(describeObject(desired)), annotations.desiredHash),
      ])
      .filter(([, reason]) => reason !== undefined);
    expect(Object.fromEntries(differing)).toEqual({});
  });

  describe('with 500 routes', () => {
    /** Routes of the longest names, with as many more characters each. */
    const routesOf = (characters: number) =>
      Array.from({ length: 500 }, (_, index) => ({
        name: `${index}`.padStart(63, 'r'),
        match: {
          pathPrefix: `/${index}/${'p'.repeat(60)}`,
          methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
        },
        upstream: { service: `${'s'.repeat(60)}${index.toString(36).padStart(3, '0')}`, port: 65_535 },
        audience: 'a'.repeat(characters),
        scopes: ['read', 'write', 's'.repeat(64)],
      }));

    it('of the longest names works', async () => {
      await create('routes', { issuer, gateway: { routes: routesOf(100) } });
      const objects = build(await getTenant('routes'));
      expect(settingsProblems(objects)).toEqual([]);
      const { refused, live } = await dryRun(objects);
      expect(refused).toEqual([]);
      expect(live.size).toBe(objects.length);
    });

    it('that are more than one ConfigMap holds is refused with the size that one may have', async () => {
      await create('many-routes', { issuer, gateway: { routes: routesOf(1_800) } });
      const { refused } = await dryRun(build(await getTenant('many-routes')));
      expect(refused).toEqual([
        expect.stringMatching(/"many-routes-gateway-live" is invalid: .*may not be more than 1048576 bytes/),
      ]);
    });

    it('that are more than one object holds is refused at once', async () => {
      const refusal = create('too-many-routes', {
        issuer,
        gateway: { routes: routesOf(2_048).map((route) => ({ ...route, scopes: Array(32).fill('s'.repeat(256)) })) },
      });
      await expect(refusal).rejects.toThrow(/too large/);
    });
  });
});
