import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identityTenantSchema } from '../../api/identity-tenant.ts';
import { builtInResources } from '../../runtime/resource-kind.ts';
import type { KubeletStandIn } from '../../testing/kubelet-stand-in.ts';
import { type OperatedCluster, startOperatedCluster } from '../../testing/operated-cluster.ts';
import type { TestCluster } from '../../testing/test-cluster.ts';
import { customResources } from '../custom-resources.ts';

const namespace = 'rebalance';
const reference = { resource: customResources.identityTenants, namespace, name: 'acme' };

describe('a zone that comes back', () => {
  let operated: OperatedCluster;
  let cluster: TestCluster;
  let kubelets: KubeletStandIn;

  beforeAll(async () => {
    operated = await startOperatedCluster();
    ({ cluster, kubelets } = operated);
  });
  afterAll(() => operated?.stop());

  const readStatus = async () => identityTenantSchema.parse(await cluster.client.get(reference)).status;
  const readZoneRedundant = async () => {
    const { conditions = [], zones } = await readStatus();
    const { status, reason } = conditions.find(({ type }) => type === 'ZoneRedundant') ?? {};
    return { status, reason, zones, ready: conditions.find(({ type }) => type === 'Ready')?.status };
  };
  const listEvents = async (): Promise<string[]> => {
    const { items } = await cluster.client.list(builtInResources.events, { namespace });
    return items.flatMap((event) => {
      const { reason } = event as typeof event & { reason?: string };
      return reason === undefined || !/^Zone|^Rebalanced/.test(reason) ? [] : [reason];
    });
  };

  it('gets its pods back one after the other, and the status and events tell of it', async () => {
    await cluster.createNamespace(namespace);
    await cluster.client.create({
      apiVersion: 'identity-operator.io/v1alpha1',
      kind: 'IdentityTenant',
      metadata: { name: 'acme', namespace },
      spec: { issuer: 'https://rebalance.example' },
    });
    await expect
      .poll(readZoneRedundant, { timeout: 60_000, interval: 100 })
      .toEqual({ status: 'True', reason: 'Spread', zones: '3/3', ready: 'True' });

    await kubelets.loseZone('zone-3');
    await expect
      .poll(readZoneRedundant, { timeout: 20_000, interval: 100 })
      .toMatchObject({ status: 'True', reason: 'ZoneDown', zones: '2/3' });
    // What the taint of a lost node does to its pods after a while.
    const { items: pods } = await cluster.client.list(builtInResources.pods, { namespace });
    for (const { metadata, ...pod } of pods) {
      const { spec } = pod as { spec?: { nodeName?: string } };
      if (spec?.nodeName === 'node3')
        await cluster.client.delete({ resource: builtInResources.pods, namespace, name: metadata.name });
    }
    await expect
      .poll(readZoneRedundant, { timeout: 60_000, interval: 100 })
      .toMatchObject({ status: 'True', reason: 'Spread', zones: '2/3', ready: 'True' });

    await kubelets.returnZone('zone-3');
    await expect
      .poll(readZoneRedundant, { timeout: 20_000, interval: 100 })
      .toMatchObject({ status: 'True', reason: 'Unbalanced', zones: '2/3' });
    await expect
      .poll(readZoneRedundant, { timeout: 90_000, interval: 100 })
      .toEqual({ status: 'True', reason: 'Spread', zones: '3/3', ready: 'True' });
    await expect
      .poll(async () => [...new Set(await listEvents())].sort(), { timeout: 20_000 })
      .toEqual(['Rebalanced', 'ZoneLost', 'ZoneRestored']);
  });
});
