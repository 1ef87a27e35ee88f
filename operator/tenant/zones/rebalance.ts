import type { Component } from '../../manifests/blueprint.ts';
import type { ObservedNode, ObservedPod } from '../observed.ts';

/** A service's pods as far as their places go. */
export type SpreadWorkload = {
  readonly component: Component;
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Rules of the user's own about places: what they leave open only the scheduler knows. */
  readonly hasAffinity: boolean;
};

export type RebalanceInput = {
  readonly workloads: readonly SpreadWorkload[];
  readonly pods: readonly ObservedPod[];
  readonly nodes: readonly ObservedNode[];
  /** ms since 1970. */
  readonly now: number;
};

/** A zone that has more pods of a service than it needs, and one that has fewer. */
export type Surplus = { readonly component: Component; readonly from: string; readonly to: string };

/**
 * What is to be done about the spread over zones. `move`: evict this pod. `wait`: nothing before this time (ms since 1970).
 * `unsettled`: pods are starting or ending, and nothing can be said.
 */
export type Rebalance =
  | { readonly kind: 'balanced' | 'unsettled' }
  | ({ readonly kind: 'move'; readonly pod: string } & Surplus)
  | ({ readonly kind: 'wait'; readonly until: number } & Surplus);

/** A node that is ready for so long will stay so. ms */
const settleMilliseconds = 20_000;
/** Between two tries to bring a pod of a service into a zone. ms */
const retryMilliseconds = 600_000;

const matches = ({ labels }: ObservedNode, selector: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

/** Zones that a new pod of the workload may come into, with the time since when, ms since 1970. */
const openZones = (nodes: readonly ObservedNode[], { nodeSelector }: SpreadWorkload): Map<string, number> => {
  const zones = new Map<string, number>();
  for (const node of nodes) {
    if (node.zone === undefined || node.readySince === undefined || !node.open || !matches(node, nodeSelector))
      continue;
    zones.set(node.zone, Math.min(zones.get(node.zone) ?? Number.POSITIVE_INFINITY, node.readySince));
  }
  return zones;
};

const youngestFirst = (one: ObservedPod, other: ObservedPod): number =>
  other.createdAt - one.createdAt || (one.name < other.name ? -1 : 1);

/**
 * The pod that should stand elsewhere. A try leaves its trace in the cluster, so that nobody need remember it: a pod that
 * was made while the zone was open, and yet stands elsewhere, is one that the scheduler did not put there.
 */
const decideWorkload = (workload: SpreadWorkload, { pods, nodes, now }: RebalanceInput): Rebalance => {
  const { component, hasAffinity } = workload;
  const zoneOf = new Map(nodes.map(({ name, zone }) => [name, zone]));
  const placed = pods
    .filter((pod) => pod.component === component)
    .map((pod) => ({ ...pod, zone: zoneOf.get(pod.nodeName ?? '') }));
  const open = openZones(nodes, workload);
  if (hasAffinity || placed.some(({ zone }) => zone === undefined)) return { kind: 'balanced' };

  const count = (zone: string): number => placed.filter((pod) => pod.zone === zone).length;
  const [from] = [...new Set(placed.flatMap(({ zone }) => zone ?? []))]
    .sort()
    .sort((one, other) => count(other) - count(one));
  const [to] = [...open.keys()].sort().sort((one, other) => count(one) - count(other));
  if (from === undefined || to === undefined || count(from) - count(to) <= 1) return { kind: 'balanced' };

  const openSince = open.get(to) ?? now;
  const tries = placed.filter(({ zone, createdAt }) => zone !== to && createdAt > openSince);
  const until = Math.max(
    openSince + settleMilliseconds,
    ...tries.map(({ createdAt }) => createdAt + retryMilliseconds),
  );
  if (now < until) return { kind: 'wait', component, from, to, until };
  const [surplus] = placed.filter(({ zone }) => zone === from).sort(youngestFirst);
  return surplus === undefined ? { kind: 'balanced' } : { kind: 'move', component, from, to, pod: surplus.name };
};

/**
 * Decides whether a pod is to be moved, since the scheduler never moves one that runs: one at a time in a tenant, none
 * while any pod of it starts or ends.
 */
export const decideRebalance = (input: RebalanceInput): Rebalance => {
  const components = new Set<string>(input.workloads.map(({ component }) => component));
  const ours = input.pods.filter(({ component }) => components.has(component));
  if (ours.some(({ ready, terminating }) => !ready || terminating)) return { kind: 'unsettled' };
  const decisions = input.workloads.map((workload) => decideWorkload(workload, input));
  const move = decisions.find(({ kind }) => kind === 'move');
  const waits = decisions
    .flatMap((decision) => (decision.kind === 'wait' ? [decision] : []))
    .sort((one, other) => one.until - other.until);
  return move ?? waits[0] ?? { kind: 'balanced' };
};
