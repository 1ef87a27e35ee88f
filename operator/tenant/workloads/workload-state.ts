import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { Condition, TenantConditionType, TenantReason, Verdict } from '../../api/conditions.ts';
import type { Component } from '../../manifests/blueprint.ts';
import type { Observed, ObservedPod } from '../observed.ts';
import type { ReplicaTarget } from './replica-plan.ts';

/** Zones in which a component has a ready pod on a ready node, sorted: a lost node's pods look ready for a while. */
export const readyZones = (pods: readonly ObservedPod[], nodes: Observed['nodes'], component: Component): string[] => {
  const zoneOf = new Map(
    nodes?.flatMap(({ name, zone, readySince }) => (readySince === undefined ? [] : [[name, zone]])),
  );
  const zones = pods
    .filter((pod) => pod.component === component && pod.ready && !pod.terminating)
    .map((pod) => (nodes === undefined ? pod.zoneLabel : zoneOf.get(pod.nodeName ?? '')))
    .filter((zone) => zone !== undefined);
  return [...new Set(zones)].sort();
};

/** Every zone that is known of: those of the nodes, or where these may not be read, those in which pods say to be. Sorted. */
export const knownZones = ({ nodes, pods }: Pick<Observed, 'nodes' | 'pods'>): string[] => {
  const zones = nodes?.map(({ zone }) => zone) ?? pods.map(({ zoneLabel }) => zoneLabel);
  return [...new Set(zones.filter((zone) => zone !== undefined))].sort();
};

export type WorkloadState = { readonly desired: number; readonly ready: number; readonly updated: number };

export const readWorkloadState = (deployment: IDeployment | undefined, desired: number): WorkloadState => ({
  desired,
  ready: deployment?.status?.readyReplicas ?? 0,
  updated: deployment?.status?.updatedReplicas ?? 0,
});

/** The condition that tells whether a component is available. */
export const availabilityTypes: Readonly<Record<Component, TenantConditionType>> = {
  gateway: 'GatewayAvailable',
  auth: 'AuthAvailable',
  'token-store': 'TokenStoreAvailable',
};

/** The first thing that a pod of the component says about why it is not ready, as the end of a sentence; else empty. */
export const describeObstacle = (pods: readonly ObservedPod[], component: string): string => {
  const waiting = pods.find(
    (pod) => pod.component === component && !pod.ready && (pod.waitingReason ?? pod.unschedulable) !== undefined,
  );
  if (waiting === undefined) return '';
  return `; pod ${waiting.name}: ${waiting.waitingReason ?? waiting.unschedulable}`;
};

/** Why pods cannot even be made: a quota, a PriorityClass that is not there, Pod Security; else empty. */
const describeReplicaFailure = ({ status }: IDeployment): string => {
  const failure = status?.conditions?.find(({ type, status: is }) => type === 'ReplicaFailure' && is === 'True');
  return failure?.message === undefined ? '' : `; no pod can be made: ${failure.message.slice(0, 1_000)}`;
};

/**
 * Whether a Deployment's status lags behind its spec by no more than a number of pods: the tenant's generation was told to
 * be available, so that somebody, an autoscaler as a rule, has asked for another number since. Its controller answers within
 * moments; to tell of a rollout until then would have Ready come and go with every change of load.
 */
const isScaling = (
  { spec, status }: IDeployment,
  { required }: ReplicaTarget,
  previous: Condition | undefined,
  generation: number,
): boolean =>
  previous?.status === 'True' &&
  previous.observedGeneration === generation &&
  (status?.availableReplicas ?? 0) >= required &&
  (status?.replicas ?? 0) === (status?.updatedReplicas ?? 0) &&
  (status?.replicas ?? 0) !== (spec?.replicas ?? 1);

/** Whether what a Deployment's status says is of its spec as it is now. */
export const isObserved = ({ metadata, status }: IDeployment): boolean =>
  (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 1);

/** What was told of a component before, and of which generation of the tenant it is asked now. */
export type ToldBefore = { readonly conditions: readonly Condition[]; readonly generation: number };

/**
 * Whether enough pods of the current revision are ready. `deployment` is undefined while earlier steps go on.
 * @param target an autoscaler may ask for more than must be there: the tenant is no less available meanwhile.
 * @param isApplied whether `deployment` is what the tenant's generation asks for; else its status is of an older one.
 */
export const decideWorkloadAvailable = (
  component: Component,
  deployment: IDeployment | undefined,
  { required, desired }: ReplicaTarget,
  pods: readonly ObservedPod[],
  isApplied: boolean,
  told: ToldBefore,
): Verdict<TenantConditionType, TenantReason> => {
  const type = availabilityTypes[component];
  if (deployment === undefined) {
    return { type, status: 'False', reason: 'Waiting', message: `${component} starts when the database is ready` };
  }
  const { spec, status } = deployment;
  const previous = told.conditions.find((condition) => condition.type === type);
  const isTrusted = isObserved(deployment) || isScaling(deployment, { required, desired }, previous, told.generation);
  const current = isApplied && isTrusted && (spec?.replicas ?? 1) === desired;
  const progressing = status?.conditions?.find((condition) => condition.type === 'Progressing');
  const available = status?.availableReplicas ?? 0;
  const updated = status?.updatedReplicas ?? 0;
  const obstacle = describeObstacle(pods, component) || describeReplicaFailure(deployment);
  const counts = `${Math.min(updated, available)} of ${desired} pods of ${component} are available${obstacle}`;
  if (current && progressing?.reason === 'ProgressDeadlineExceeded') {
    const advice =
      'what ran before goes on; look at the new pods (kubectl describe, kubectl logs), or take the change back';
    return {
      type,
      status: 'False',
      reason: 'RolloutStuck',
      message: `the rollout does not advance: ${counts}; ${advice}`,
    };
  }
  if (available < required) return { type, status: 'False', reason: 'MinimumReplicasUnavailable', message: counts };
  if (!current || updated < required || (status?.replicas ?? 0) > updated) {
    return { type, status: 'False', reason: 'RolloutInProgress', message: `a rollout is under way: ${counts}` };
  }
  return {
    type,
    status: 'True',
    reason: 'AllAvailable',
    message: `${available} of ${desired} pods of ${component} are available`,
  };
};
