import { randomUUID } from 'node:crypto';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IJob } from 'kubernetes-models/batch/v1';
import type { IPod } from 'kubernetes-models/v1';
import { labels, managedByValue } from '../../operator/api/group.ts';
import { systemClock } from '../../operator/runtime/clock.ts';
import { runController } from '../../operator/runtime/controller.ts';
import { InformerCache } from '../../operator/runtime/informer-cache.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import { hasReason } from '../../operator/runtime/kubernetes-error.ts';
import { type LiveObject, parseObjectKey } from '../../operator/runtime/kubernetes-object.ts';
import { runReflector } from '../../operator/runtime/reflector.ts';
import { builtInResources } from '../../operator/runtime/resource-kind.ts';
import { silentLog } from '../../operator/runtime/testing/silent-log.ts';
import { WorkQueue } from '../../operator/runtime/work-queue.ts';
import type { MigrationReport } from '../../services/shared/contracts/migration-report.ts';

type PodTemplate = NonNullable<IJob['spec']>['template'];

/** What is kept of a workload: whether its status has to be written, and of what. */
type Workload = {
  readonly generation: number;
  readonly replicas: number;
  readonly isReported: boolean;
  /** UID of a Job and how its pod looks, whose last word is what the operator waits for. */
  readonly pod?: { readonly owner: string; readonly template: PodTemplate };
};

// Pods need longer to start. The writes of a Deployment that come together, replicas among them, get one answer.
const startMilliseconds = 100;

const now = () => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

const buildDeploymentStatus = ({ generation, replicas }: Workload) => ({
  observedGeneration: generation,
  replicas,
  updatedReplicas: replicas,
  readyReplicas: replicas,
  availableReplicas: replicas,
  conditions: [
    { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: '' },
    { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message: '' },
  ],
});

const buildJobStatus = () => ({
  startTime: now(),
  completionTime: now(),
  succeeded: 1,
  conditions: ['SuccessCriteriaMet', 'Complete'].map((type) => ({
    type,
    status: 'True',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
    lastProbeTime: now(),
    lastTransitionTime: now(),
  })),
});

const projectDeployment = ({ metadata, spec, status }: LiveObject & IDeployment): Workload => ({
  generation: metadata.generation ?? 1,
  replicas: spec?.replicas ?? 1,
  isReported: status?.observedGeneration === metadata.generation && status?.readyReplicas === spec?.replicas,
});

const projectJob = ({ metadata, spec, status }: LiveObject & IJob): Workload => {
  const isReported = (status?.succeeded ?? 0) > 0;
  const pod = spec && !isReported ? { owner: metadata.uid, template: spec.template } : undefined;
  return { generation: metadata.generation ?? 1, replicas: 1, isReported, ...(pod === undefined ? {} : { pod }) };
};

/** Makes the pod of a migrate Job, which has told what it found and is over. */
const reportByPod = async (
  client: KubernetesClient,
  job: { readonly namespace: string; readonly name: string },
  { owner, template }: NonNullable<Workload['pod']>,
  signal: AbortSignal,
): Promise<void> => {
  const pod = { namespace: job.namespace, name: `${job.name}-bench` };
  const word: MigrationReport = { outcome: 'migrated', schemaVersion: '1', applied: [], databaseId: randomUUID() };
  await client.create(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...pod,
        ...(template.metadata?.labels === undefined ? {} : { labels: template.metadata.labels }),
        ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: job.name, uid: owner, controller: true }],
      },
      ...(template.spec === undefined ? {} : { spec: template.spec }),
    } satisfies IPod,
    { signal },
  );
  const terminated = { exitCode: 0, reason: 'Completed', message: JSON.stringify(word) };
  const containerStatuses = [
    { name: 'migrate', image: 'migrate', imageID: '', ready: false, restartCount: 0, state: { terminated } },
  ];
  const status = { phase: 'Succeeded', containerStatuses };
  await client.patchMerge({ resource: builtInResources.pods, ...pod }, { status }, { subresource: 'status', signal });
};

const kinds = [
  { resource: builtInResources.deployments, project: projectDeployment, buildStatus: buildDeploymentStatus },
  { resource: builtInResources.jobs, project: projectJob, buildStatus: buildJobStatus },
] as const;

/**
 * Stands for Kubernetes' controllers of Deployments and Jobs, schedulers and kubelets: whatever the operator asks for
 * runs a moment later. @returns what stops it.
 */
export const startStatusWriter = async (client: KubernetesClient): Promise<() => Promise<void>> => {
  const stop = new AbortController();
  const shared = { client, signal: stop.signal, clock: systemClock, random: Math.random, log: silentLog };
  const running = kinds.map(async ({ resource, project, buildStatus }) => {
    // The API server validated the objects as those of the kind that is listed here.
    const cache = new InformerCache<Workload>({ project: project as (object: LiveObject) => Workload });
    const queue = new WorkQueue({ clock: systemClock, random: Math.random });
    cache.onChange(({ key, after }) => {
      if (after?.isReported === false) queue.addAfter(key, startMilliseconds);
    });
    const reconcile = async (key: string, signal: AbortSignal) => {
      const { namespace, name } = parseObjectKey(key);
      const workload = cache.get(namespace, name);
      if (workload === undefined || workload.isReported) return {};
      try {
        if (workload.pod !== undefined)
          await reportByPod(client, { namespace: namespace ?? '', name }, workload.pod, signal);
        const status = buildStatus(workload);
        await client.patchMerge({ resource, namespace, name }, { status }, { subresource: 'status', signal });
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
      return {};
    };
    const labelSelector = `${labels.managedBy}=${managedByValue}`;
    await Promise.all([
      runReflector({ ...shared, resource, labelSelector, store: cache }),
      runController({
        name: resource.plural,
        queue,
        reconcile,
        concurrency: 4,
        timeoutMs: 30_000,
        stop: stop.signal,
        clock: systemClock,
        log: silentLog,
      }),
    ]);
  });
  return async () => {
    stop.abort();
    await Promise.all(running);
  };
};
