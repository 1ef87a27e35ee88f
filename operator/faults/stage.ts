import { waitUntil } from '../../e2e/cluster/wait.ts';
import { apiVersion } from '../api/group.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { customResources } from '../tenant/custom-resources.ts';
import { installForeignDefinitions } from '../testing/foreign-definitions.ts';
import { type KubeletStandIn, startKubeletStandIn } from '../testing/kubelet-stand-in.ts';
import { startTestCluster, type TestCluster } from '../testing/test-cluster.ts';

/** Where the suites play: a control plane, and what stands for kubelets. */
export type Stage = {
  readonly cluster: TestCluster;
  readonly kubelets: KubeletStandIn;
  readonly stop: () => Promise<void>;
};

/**
 * Garbage collection learns of new kinds every half minute only. From then on what a tenant owned goes at once, and no
 * step has to wait for that.
 */
const awaitGarbageCollection = async ({ client, createNamespace }: TestCluster): Promise<void> => {
  const namespace = await createNamespace('collected');
  const metadata = { name: 'owner', namespace };
  const spec = { issuer: 'https://id.example.com' };
  const { metadata: owner } = await client.create({ apiVersion, kind: 'IdentityTenant', metadata, spec });
  const ownerReferences = [{ apiVersion, kind: 'IdentityTenant', name: 'owner', uid: owner.uid }];
  await client.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned', namespace, ownerReferences } });
  await client.delete({ resource: customResources.identityTenants, namespace, name: 'owner' });
  await waitUntil('garbage collection to know tenants', 90_000, async () => {
    const owned = await client.get({ resource: builtInResources.configMaps, namespace, name: 'owned' });
    return owned === undefined;
  });
};

/** Starts both, with the Gateway API; ready when deletions are carried out at once. */
export const startStage = async (): Promise<Stage> => {
  const cluster = await startTestCluster();
  try {
    const kubelets = await startKubeletStandIn(cluster.client);
    await installForeignDefinitions(cluster.client, 'httpRoutes', 'backendTLSPolicies');
    await awaitGarbageCollection(cluster);
    return {
      cluster,
      kubelets,
      stop: async () => {
        await kubelets.stop();
        await cluster.stop();
      },
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
};

/** Works on `tasks` in their order, so many at a time. */
export const inParallel = async (width: number, tasks: readonly (() => Promise<void>)[]): Promise<void> => {
  const waiting = [...tasks];
  const worker = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await task();
  };
  await Promise.all(Array.from({ length: width }, worker));
};
