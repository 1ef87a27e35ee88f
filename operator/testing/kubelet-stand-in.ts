import type { IPod } from 'kubernetes-models/v1';
import type { MigrationReport } from '../../services/shared/contracts/migration-report.ts';
import { labels } from '../api/group.ts';
import { systemClock } from '../runtime/clock.ts';
import { runController } from '../runtime/controller.ts';
import { InformerCache } from '../runtime/informer-cache.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { hasReason } from '../runtime/kubernetes-error.ts';
import { type LiveObject, objectKey } from '../runtime/kubernetes-object.ts';
import { runReflector } from '../runtime/reflector.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { silentLog } from '../runtime/testing/silent-log.ts';
import { WorkQueue } from '../runtime/work-queue.ts';

type Pod = LiveObject & IPod;

/** Nodes that only exist in the API, one a zone. */
const nodes = ['zone-1', 'zone-2', 'zone-3'].map((zone, index) => ({ name: `node${index + 1}`, zone }));

/**
 * Stands for the scheduler and the kubelets of a cluster that has none: it binds pods to nodes that do not exist, and
 * writes what a kubelet would report of pods that run. Everything above pods is done by Kubernetes' own controllers.
 */
export type KubeletStandIn = {
  /** Pods of these components in this namespace are left unscheduled from now on. */
  hold(namespace: string, ...components: readonly string[]): void;
  /** They are scheduled and run. */
  release(namespace: string, ...components: readonly string[]): void;
  /** What migrate reports in this namespace; without a word it has migrated. */
  reportMigration(namespace: string, report: MigrationReport): void;
  /** The power of a zone goes: its node is not ready, and takes no pod until it is back. Its pods are as they were. */
  loseZone(zone: string): Promise<void>;
  /** It comes back, ready from this moment on. */
  returnZone(zone: string): Promise<void>;
  stop(): Promise<void>;
};

const migrated: MigrationReport = { outcome: 'migrated', schemaVersion: '1', applied: [] };

// Long ago, so that minReadySeconds have passed.
const secondsOf = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z');
const readySince = secondsOf(new Date(Date.now() - 3_600_000));

const nodeOf = (zone: string): string => nodes.find((node) => node.zone === zone)?.name ?? '';

const componentOf = ({ metadata }: Pod): string => metadata.labels?.[labels.component] ?? '';

const condition = (type: string, status: 'True' | 'False') => ({ type, status, lastTransitionTime: readySince });

/** Every address is of this machine, where nobody listens unless a stand-in does: else a connection is refused at once. */
export const addressOfPod = ({ metadata }: Pick<LiveObject, 'metadata'>): string => {
  const number = Number.parseInt(metadata.uid.slice(0, 4), 16);
  return `127.77.${number >> 8}.${number & 255}`;
};

const buildRunningStatus = (pod: Pod) => {
  const podIP = addressOfPod(pod);
  return {
    phase: 'Running',
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: readySince,
    conditions: ['Initialized', 'Ready', 'ContainersReady'].map((type) => condition(type, 'True')),
    containerStatuses: pod.spec?.containers.map(({ name, image }) => ({
      name,
      image,
      imageID: '',
      ready: true,
      restartCount: 0,
      started: true,
      state: { running: { startedAt: readySince } },
    })),
  };
};

const buildMigrateStatus = (pod: Pod, report: MigrationReport) => {
  const succeeded = report.outcome === 'migrated';
  const terminated = {
    exitCode: succeeded ? 0 : 1,
    reason: succeeded ? 'Completed' : 'Error',
    startedAt: readySince,
    finishedAt: readySince,
    message: JSON.stringify(report),
  };
  return {
    phase: succeeded ? 'Succeeded' : 'Running',
    startTime: readySince,
    conditions: [condition('Ready', 'False')],
    containerStatuses: pod.spec?.containers.map(({ name, image }) => ({
      name,
      image,
      imageID: '',
      ready: false,
      restartCount: succeeded ? 0 : 1,
      ...(succeeded
        ? { state: { terminated } }
        : { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated } }),
    })),
  };
};

const writeReadiness = async (
  client: KubernetesClient,
  name: string,
  isReady: boolean,
  since: string,
): Promise<void> => {
  const ready = { type: 'Ready', status: isReady ? 'True' : 'Unknown', lastTransitionTime: since };
  const reference = { resource: builtInResources.nodes, name };
  await client.patchMerge(reference, { status: { conditions: [ready] } }, { subresource: 'status' });
};

const createNodes = async (client: KubernetesClient): Promise<void> => {
  for (const { name, zone } of nodes) {
    const zoneLabels = { 'topology.kubernetes.io/zone': zone, 'kubernetes.io/hostname': name };
    await client.applyServerSide({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: zoneLabels } });
    // The API server gives every new node a taint, and the controller that takes it away once the node is ready is not run.
    await client.patchMerge({ resource: builtInResources.nodes, name }, { spec: { taints: null } });
    await writeReadiness(client, name, true, readySince);
  }
};

/** Makes three nodes in three zones and lets every pod of ours run from then on. */
export const startKubeletStandIn = async (client: KubernetesClient): Promise<KubeletStandIn> => {
  await createNodes(client);
  const stop = new AbortController();
  const held = new Set<string>();
  const lost = new Set<string>();
  const reports = new Map<string, MigrationReport>();
  const queue = new WorkQueue({ clock: systemClock, random: Math.random });
  const pods = new InformerCache<Pod, Pod>({ project: (pod) => pod });
  pods.onChange(({ key }) => queue.add(key));

  // By pod UID; the cache would lag behind a binding of a moment ago.
  const placed = new Map<string, { readonly group: string; readonly node: string }>();

  const leastUsedNode = (pod: Pod): string => {
    const group = `${pod.metadata.namespace}/${componentOf(pod)}/${pod.metadata.labels?.['pod-template-hash']}`;
    const load = (name: string) =>
      [...placed.values()].filter((other) => other.group === group && other.node === name).length;
    const running = nodes.filter(({ zone }) => !lost.has(zone));
    const node = running.map(({ name }) => name).reduce((best, name) => (load(name) < load(best) ? name : best));
    placed.set(pod.metadata.uid, { group, node });
    return node;
  };

  const isAsReported = (pod: Pod, status: { phase: string; containerStatuses: unknown }): boolean => {
    const messageIn = (statuses: unknown) => /"message":("(?:[^"\\]|\\.)*")/.exec(JSON.stringify(statuses ?? []))?.[1];
    return (
      pod.status?.phase === status.phase &&
      (pod.status.containerStatuses ?? []).length > 0 &&
      messageIn(pod.status.containerStatuses) === messageIn(status.containerStatuses)
    );
  };

  const act = async (pod: Pod, signal: AbortSignal): Promise<void> => {
    const { namespace = '', name } = pod.metadata;
    const reference = { resource: builtInResources.pods, namespace, name };
    if (pod.metadata.deletionTimestamp !== undefined) {
      placed.delete(pod.metadata.uid);
      await client.delete(reference, { gracePeriodSeconds: 0, signal });
      return;
    }
    if (held.has(`${namespace}/${componentOf(pod)}`)) return;
    if (pod.spec?.nodeName === undefined) {
      const target = { apiVersion: 'v1', kind: 'Node', name: leastUsedNode(pod) };
      await client.create({ apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target }, { signal });
      return;
    }
    const report = reports.get(namespace) ?? migrated;
    const status = componentOf(pod) === 'migrate' ? buildMigrateStatus(pod, report) : buildRunningStatus(pod);
    if (isAsReported(pod, status)) return;
    await client.patchMerge(reference, { status }, { subresource: 'status', signal });
  };

  const shared = { clock: systemClock, random: Math.random, log: silentLog };
  const running = Promise.all([
    runReflector<Pod>({
      ...shared,
      client,
      resource: builtInResources.pods,
      labelSelector: labels.instance,
      store: pods,
      signal: stop.signal,
    }),
    runController({
      ...shared,
      name: 'kubelet-stand-in',
      queue,
      reconcile: async (key, signal) => {
        const pod = pods.list().find(({ metadata }) => objectKey(metadata.namespace, metadata.name) === key);
        if (pod === undefined) return {};
        try {
          await act(pod, signal);
        } catch (error) {
          // The pod went, or was bound, a moment ago: its change comes by the watch.
          if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
        }
        return {};
      },
      // One after the other, so that pods are counted before the next one is bound.
      concurrency: 1,
      timeoutMs: 10_000,
      stop: stop.signal,
    }),
  ]);
  await pods.waitForSync(AbortSignal.timeout(20_000));

  const wake = (namespace: string) => {
    for (const { metadata } of pods.list(namespace)) queue.add(objectKey(namespace, metadata.name));
  };
  return {
    hold: (namespace, ...components) => {
      for (const component of components) held.add(`${namespace}/${component}`);
    },
    release: (namespace, ...components) => {
      for (const component of components) held.delete(`${namespace}/${component}`);
      wake(namespace);
    },
    reportMigration: (namespace, report) => {
      reports.set(namespace, report);
      wake(namespace);
    },
    loseZone: async (zone) => {
      lost.add(zone);
      await writeReadiness(client, nodeOf(zone), false, secondsOf(new Date()));
    },
    returnZone: async (zone) => {
      lost.delete(zone);
      await writeReadiness(client, nodeOf(zone), true, secondsOf(new Date()));
    },
    stop: async () => {
      stop.abort();
      await running;
    },
  };
};
