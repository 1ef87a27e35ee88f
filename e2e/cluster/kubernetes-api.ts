import type { V1Node } from '@kubernetes/client-node';
import { CoreV1Api, KubeConfig, PatchStrategy, setHeaderOptions, VersionApi } from '@kubernetes/client-node';
import { type DnsRewrite, setRewrites } from './dns.ts';
import type { ClusterNode } from './driver.ts';
import { waitUntil } from './wait.ts';

const load = (kubeconfigPath: string): KubeConfig => {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigPath);
  return config;
};

const readyCondition = (node: V1Node) => node.status?.conditions?.find(({ type }) => type === 'Ready');

const isReady = (node: V1Node): boolean => readyCondition(node)?.status === 'True';

const toClusterNode = (node: V1Node): ClusterNode => ({
  name: node.metadata?.name ?? '',
  zone: node.metadata?.labels?.['topology.kubernetes.io/zone'] ?? '',
  address: node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
});

/** What a cluster says about itself. */
export interface ClusterView {
  readonly server: string;
  readonly version: string;
  readonly nodes: readonly (ClusterNode & { readonly ready: boolean })[];
}

/** Asks a cluster who it is; throws when it does not answer. */
export const observeCluster = async (kubeconfigPath: string): Promise<ClusterView> => {
  const config = load(kubeconfigPath);
  const [version, nodes] = await Promise.all([
    config.makeApiClient(VersionApi).getCode(),
    config.makeApiClient(CoreV1Api).listNode(),
  ]);
  return {
    server: config.getCurrentCluster()?.server ?? '',
    version: version.gitVersion,
    nodes: nodes.items.map((node) => ({ ...toClusterNode(node), ready: isReady(node) })),
  };
};

/** Waits until `count` nodes are Ready. Spread constraints count registered zones only, so workloads wait for all. */
export const waitForNodes = (kubeconfigPath: string, count: number): Promise<void> =>
  waitUntil(`${count} Ready nodes`, 120_000, async () => {
    const { nodes } = await observeCluster(kubeconfigPath);
    return nodes.filter(({ ready }) => ready).length >= count;
  });

/**
 * Waits for a node that was switched on at `since` to say itself that it is Ready: for seconds after a power cut the
 * API still shows what the node said before.
 */
export const waitForNode = async (kubeconfigPath: string, name: string, since: Date): Promise<void> => {
  const core = load(kubeconfigPath).makeApiClient(CoreV1Api);
  // Kubernetes drops the milliseconds.
  const from = Math.floor(since.getTime() / 1000) * 1000;
  await waitUntil(`the node ${name} to be Ready`, 120_000, async () => {
    const ready = readyCondition(await core.readNode({ name }));
    return ready?.status === 'True' && (ready.lastHeartbeatTime?.getTime() ?? 0) >= from;
  });
};

/**
 * Waits until pods can be made: the controller manager makes the `default` ServiceAccount seconds after the API is
 * ready, and before that every pod is refused.
 */
export const waitForServiceAccount = async (kubeconfigPath: string): Promise<void> => {
  const core = load(kubeconfigPath).makeApiClient(CoreV1Api);
  await waitUntil('the default service account', 60_000, async () => {
    await core.readNamespacedServiceAccount({ namespace: 'default', name: 'default' });
    return true;
  });
};

/** The pods of DNS, wherever CoreDNS comes from. */
const dnsPods = { namespace: 'kube-system', labelSelector: 'k8s-app=kube-dns' };

/** Waits until every DNS pod that is not on its way out is Ready, and there is one at least. */
export const waitForDns = async (kubeconfigPath: string): Promise<void> => {
  const core = load(kubeconfigPath).makeApiClient(CoreV1Api);
  await waitUntil('DNS', 90_000, async () => {
    const { items } = await core.listNamespacedPod(dnsPods);
    const pods = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
    const ready = pods.filter(({ status }) =>
      status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
    );
    return pods.length > 0 && ready.length === pods.length;
  });
};

/**
 * Changes the rewrites in the `coredns` ConfigMap of a cluster and restarts CoreDNS's pods, since a pod sees a changed
 * ConfigMap only seconds later and CoreDNS reads it only with a plugin that not everyone has.
 */
export const applyDnsRewrites = async (kubeconfigPath: string, rewrites: readonly DnsRewrite[]): Promise<void> => {
  const core = load(kubeconfigPath).makeApiClient(CoreV1Api);
  const named = { namespace: 'kube-system', name: 'coredns' };
  const { data } = await core.readNamespacedConfigMap(named);
  const before = data?.['Corefile'];
  if (before === undefined) throw new Error('the ConfigMap kube-system/coredns has no Corefile');
  const after = setRewrites(before, rewrites);
  if (after === before) return;
  await core.patchNamespacedConfigMap(
    { ...named, body: { data: { Corefile: after } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  const { items } = await core.listNamespacedPod(dnsPods);
  const old = new Set(items.map(({ metadata }) => metadata?.uid));
  for (const { metadata } of items) {
    await core.deleteNamespacedPod({ namespace: 'kube-system', name: metadata?.name ?? '', gracePeriodSeconds: 1 });
  }
  await waitUntil('the end of the old DNS pods', 60_000, async () => {
    const { items: now } = await core.listNamespacedPod(dnsPods);
    return now.length > 0 && now.every(({ metadata }) => !old.has(metadata?.uid));
  });
  await waitForDns(kubeconfigPath);
};
