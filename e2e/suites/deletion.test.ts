import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import { openCluster, resources, waitFor, waitForCondition } from '../installation/kubernetes.ts';

let client: KubernetesClient;
beforeAll(() => {
  client = openCluster(inject('environment').kubeconfigPath);
});
afterAll(() => client?.close());

const selector = 'app.kubernetes.io/managed-by=identity-operator';
const kinds = [
  resources.deployments,
  resources.statefulSets,
  resources.jobs,
  resources.services,
  resources.serviceAccounts,
  resources.configMaps,
  resources.podDisruptionBudgets,
  resources.networkPolicies,
  resources.secrets,
  resources.persistentVolumeClaims,
  resources.pods,
];

/** `Kind/name` of everything of ours in a namespace. */
const ours = async (namespace: string): Promise<string[]> => {
  const lists = await Promise.all(kinds.map((kind) => client.list(kind, { namespace, labelSelector: selector })));
  return lists.flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).sort();
};

const kept = [
  'PersistentVolumeClaim/data-shop-database-0',
  'Secret/shop-cookie-keys',
  'Secret/shop-data-encryption-keys',
  'Secret/shop-database-credentials',
  'Secret/shop-pairwise-salt',
  'Secret/shop-signing-keys',
];

// Side by side: most of it is waiting, for pods that drain and for garbage collection.
describe.concurrent.each([
  { policy: 'Retain', remains: kept },
  { policy: 'Delete', remains: [] },
])('deleting a tenant under $policy', ({ policy, remains }) => {
  const namespace = `deletion-${policy.toLowerCase()}`;
  const tenant = { resource: resources.identityTenants, namespace, name: 'shop' };

  it('removes what it owns and keeps what the policy says', async () => {
    await client.applyServerSide({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await client.applyServerSide({
      apiVersion: 'identity-operator.io/v1alpha1',
      kind: 'IdentityTenant',
      metadata: { name: tenant.name, namespace },
      spec: {
        issuer: `https://${namespace}.localhost:8443`,
        deletionPolicy: policy,
        availability: { mode: 'Single' },
        database: { managed: { storage: '1Gi' } },
      },
    });
    await waitForCondition(client, tenant, 'Ready', 180_000);
    expect(await ours(namespace)).toEqual(expect.arrayContaining(kept));

    await client.delete(tenant);
    await waitFor('everything else to be gone', 120_000, async () => {
      const left = await ours(namespace);
      return left.join() === remains.join() ? { done: undefined } : { pending: left.join(', ') };
    });
    expect(await client.get(tenant)).toBeUndefined();
    await client.delete({ resource: resources.namespaces, name: namespace });
  });
});
