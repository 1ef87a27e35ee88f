import type { Cluster, ClusterDriver, Outcome } from './driver.ts';
import { observeCluster } from './kubernetes-api.ts';

const refuse = async (): Promise<Outcome> => ({
  ok: false,
  reason:
    'the cluster that KUBECONFIG names is not ours to change: do this with its own tools, ' +
    'or unset KUBECONFIG to have a cluster made for you',
});

/**
 * Someone else's cluster: used as it is, never made, stopped or reconfigured. Images must come from a registry that it
 * can reach.
 */
export const createExistingDriver = (kubeconfigPath: string): ClusterDriver => {
  const observe = async (name: string): Promise<Cluster> => {
    const { version, nodes } = await observeCluster(kubeconfigPath).catch((cause: unknown) => {
      throw new Error(`the cluster that KUBECONFIG=${kubeconfigPath} names does not answer`, { cause });
    });
    return { name, driver: 'existing', kubeconfigPath, version, nodes };
  };
  return {
    start: ({ name, progress }) =>
      progress.step('cluster', async (detail) => {
        const cluster = await observe(name);
        const zones = new Set(cluster.nodes.map(({ zone }) => zone).filter(Boolean));
        detail(`${cluster.version}, yours: ${cluster.nodes.length} nodes in ${zones.size} zones`);
        return cluster;
      }),
    find: (name) => observe(name).catch(() => undefined),
    stop: refuse,
    loadImage: refuse,
    killZone: refuse,
    startZone: refuse,
    setDnsRewrites: refuse,
  };
};
