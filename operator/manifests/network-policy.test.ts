import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { expect, it } from 'vitest';
import { buildTenant, buildTestBlueprint, buildTestDatabaseSources } from '../testing/tenants.ts';
import { buildNetworkPolicies } from './network-policy.ts';
import { buildTenantObjects } from './tenant-objects.ts';

it('name servers are reached wherever they are, as on the node itself under a link-local address', () => {
  for (const { metadata, spec } of buildNetworkPolicies(buildTestBlueprint(buildTenant({})), [])) {
    // PostgreSQL asks for no name.
    if (metadata?.name === 'acme-database') continue;
    const names = spec?.egress?.filter(({ ports }) => ports?.some(({ port }) => port === 53));
    expect(names).toEqual([
      {
        ports: [
          { protocol: 'UDP', port: 53 },
          { protocol: 'TCP', port: 53 },
        ],
      },
    ]);
  }
});

it('a database of the user’s stays within reach while a managed one takes its place, and no longer', () => {
  const tenant = buildTenant({});
  const portsOf = (authUrl: string): unknown[] => {
    const sources = { ...buildTestDatabaseSources(tenant), inUse: { 'auth-url': authUrl } };
    const { foundation } = buildTenantObjects(buildTestBlueprint(tenant), sources);
    const policy = foundation.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata?.name === 'acme-auth');
    // Found by its kind.
    const egress = (policy as INetworkPolicy | undefined)?.spec?.egress ?? [];
    return egress
      .filter(({ to }) => to?.some(({ ipBlock }) => ipBlock !== undefined))
      .flatMap(({ ports }) => ports ?? []);
  };
  expect(portsOf('postgres://a:b@db.example.com:6432/identity')).toEqual([{ protocol: 'TCP', port: 6432 }]);
  expect(portsOf('postgres://a:b@acme-database.shop.svc:5432/identity')).toEqual([]);
});
