import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { buildGoldenObjects, goldenSpecs, servedFor } from '../testing/golden-tenants.ts';
import { buildTenant, buildTestBlueprint } from '../testing/tenants.ts';
import type { Blueprint } from './blueprint.ts';
import { canonicalJson } from './content-hash.ts';
import { databaseRoleName } from './database-connection.ts';
import { buildNetworkPolicies } from './network-policy.ts';
import { listTenantObjects } from './tenant-objects.ts';

const buildFrom = (spec: Readonly<Record<string, unknown>>, name = 'minimal') =>
  buildGoldenObjects(buildTenant(spec), servedFor(name));
const all = listTenantObjects;

describe('the objects of a tenant', () => {
  // What a user writes beside what comes of it: `vitest run -u` after a deliberate change, and read the difference.
  it.each([...goldenSpecs])('%s', async (name, spec) => {
    const documents = all(buildFrom(spec, name)).map((object) =>
      stringify(JSON.parse(canonicalJson(object)), { lineWidth: 0 }),
    );
    await expect(documents.join('---\n')).toMatchFileSnapshot(`./testdata/${name}.out.yaml`);
  });

  it('leaves replicas to their own field manager', () => {
    for (const deployment of buildFrom({}).workloads) expect(deployment.spec).not.toHaveProperty('replicas');
  });

  it('gives the gateway no private key', () => {
    const gateway = buildFrom({}).workloads.find(({ metadata }) => metadata?.name === 'acme-gateway');
    const volume = gateway?.spec?.template?.spec?.volumes?.find(({ name }) => name === 'signing-keys');
    expect(volume?.secret?.items).toEqual([{ key: 'keyring.json', path: 'keyring.json' }]);
  });

  it('puts no password into anything but Secrets', () => {
    const others = all(buildFrom({ database: { connection: { secretRef: { name: 'db' } } } })).filter(
      ({ kind }) => kind !== 'Secret',
    );
    expect(JSON.stringify(others).match(/Zq\d|the CA/)?.[0]).toBeUndefined();
  });

  it('rolls a service when its settings change, and no other', () => {
    const names = (spec: Record<string, unknown>) =>
      buildFrom(spec).workloads.map(({ spec: workload }) => workload?.template?.spec?.volumes?.[0]?.configMap?.name);
    const [storeBefore, authBefore, gatewayBefore] = names({});
    const [storeAfter, authAfter, gatewayAfter] = names({ tokens: { accessTokenTTL: '1m' } });
    expect([storeAfter, gatewayAfter]).toEqual([storeBefore, gatewayBefore]);
    expect(authAfter).not.toBe(authBefore);
  });

  it('does not roll the gateway for a route', () => {
    const route = { name: 'a', match: { pathPrefix: '/a' }, upstream: { service: 'a', port: 80 } };
    const template = (spec: Record<string, unknown>) =>
      buildFrom(spec).workloads.map(({ spec: workload }) => workload?.template);
    expect(template({ gateway: { routes: [route] } })).toEqual(template({}));
  });
});

describe('database roles', () => {
  it('are named by the tenant, since roles belong to the whole server', () => {
    expect(databaseRoleName({ namespace: 'shop', name: 'acme' }, 'token-store')).toBe('shop_acme_token_store');
  });

  it('stay within the 63 bytes of PostgreSQL and apart from each other', () => {
    const long = { namespace: 'n'.repeat(63), name: 'a'.repeat(40) };
    const names = [databaseRoleName(long, 'auth'), databaseRoleName(long, 'token-store')];
    expect(names.every((name) => name.length <= 63)).toBe(true);
    expect(new Set(names).size).toBe(2);
  });
});

describe('network policies', () => {
  const policies = (neighbours: Blueprint['neighbours']) =>
    buildNetworkPolicies({ ...buildTestBlueprint(buildTenant({})), neighbours }, [5432]);

  it('let in the operator of its namespace, and metrics readers of theirs', () => {
    const [gateway] = policies({
      operatorNamespace: 'operators',
      monitoringNamespaceLabels: { 'kubernetes.io/metadata.name': 'monitoring' },
    });
    expect(gateway?.spec?.ingress?.slice(1)).toEqual([
      {
        from: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'operators' } },
            podSelector: { matchLabels: { 'app.kubernetes.io/name': 'identity-operator' } },
          },
        ],
        ports: [{ protocol: 'TCP', port: 9443 }],
      },
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
        ports: [{ protocol: 'TCP', port: 9090 }],
      },
    ]);
  });

  it('let in pods of any namespace where nothing is said of it', () => {
    for (const { spec } of policies({ monitoringNamespaceLabels: {} }))
      for (const { from = [] } of spec?.ingress ?? [])
        for (const { namespaceSelector } of from) expect(namespaceSelector ?? {}).toEqual({});
  });
});
