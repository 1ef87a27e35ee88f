import {
  autoscalingOf,
  type Blueprint,
  type Component,
  components,
  requiredReplicas,
} from '../../manifests/blueprint.ts';
import { objectNames } from '../../manifests/object-names.ts';
import type { TenantObject } from '../../manifests/tenant-objects.ts';
import type { Live } from '../installation-steps.ts';

/** A number of pods to be written by the field manager of replicas. */
export type PlannedReplicas = {
  readonly deployment: string;
  /** Of the Deployment that was looked at: one that is made anew meanwhile has its own number. */
  readonly uid: string;
  readonly replicas: number;
};

/** The number that the API server gives to a Deployment that says none. */
const defaultedReplicas = 1;

const liveReplicas = (live: Live, component: Component): number | undefined => {
  const deployment = live.deployment(component);
  return deployment === undefined ? undefined : (deployment.spec?.replicas ?? defaultedReplicas);
};

/** How many pods of a component there must be for it to count as available, and how many are asked for right now. */
export type ReplicaTarget = { readonly required: number; readonly desired: number };

/** Of an autoscaled component the autoscaler asks, through the Deployment; it never asks for fewer than the minimum. */
export const readReplicaTarget = (blueprint: Blueprint, component: Component, live: Live): ReplicaTarget => {
  const required = requiredReplicas(blueprint, component);
  if (autoscalingOf(blueprint, component) === undefined) return { required, desired: required };
  return { required, desired: Math.max(required, liveReplicas(live, component) ?? required) };
};

/**
 * `desired` as it is created: a Deployment with its number of pods, the fewest when it is autoscaled. Later applies leave the
 * number out.
 */
export const withInitialReplicas = (blueprint: Blueprint, desired: TenantObject): TenantObject => {
  if (desired.kind !== 'Deployment') return desired;
  const component = components.find((one) => objectNames.workload(blueprint, one) === desired.metadata?.name);
  if (component === undefined || desired.spec === undefined) return desired;
  return { ...desired, spec: { ...desired.spec, replicas: requiredReplicas(blueprint, component) } };
};

const decideReplicas = (blueprint: Blueprint, component: Component, live: Live): number | undefined => {
  const present = liveReplicas(live, component);
  // It is created with its number; or it is there, scaled, with damaged labels, and the pass that sees it decides.
  if (present === undefined) return undefined;
  const required = requiredReplicas(blueprint, component);
  if (autoscalingOf(blueprint, component) !== undefined) {
    // The rest is the autoscaler's. At 0 it rests for ever, and whoever goes below the minimum was not it.
    return present < required ? required : undefined;
  }
  // It would write its own number over ours until it is gone.
  if (live.autoscaler(component) !== undefined) return undefined;
  return present === required ? undefined : required;
};

/**
 * Numbers of pods that have to be written. A fixed one is repaired like any field. An autoscaled one is left alone but
 * below its minimum: what runs when autoscaling is switched on goes on running until the autoscaler says otherwise.
 */
export const planReplicas = (blueprint: Blueprint, live: Live): PlannedReplicas[] =>
  components.flatMap((component) => {
    const replicas = decideReplicas(blueprint, component, live);
    const uid = live.deployment(component)?.metadata?.uid;
    return replicas === undefined || uid === undefined
      ? []
      : [{ deployment: objectNames.workload(blueprint, component), uid, replicas }];
  });
