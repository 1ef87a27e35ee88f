import { expect, it } from 'vitest';
import { buildTenant, buildTestBlueprint } from '../testing/tenants.ts';
import { buildNetworkPolicies } from './network-policy.ts';

it('name servers are reached wherever they are, as on the node itself under a link-local address', () => {
  for (const { metadata, spec } of buildNetworkPolicies(buildTestBlueprint(buildTenant({})), [5432])) {
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
