import type { TenantConditionType, TenantReason, Verdict } from '../../api/conditions.ts';
import type { Component } from '../../manifests/blueprint.ts';
import type { ObservedNode, ObservedPod } from '../observed.ts';
import type { Rebalance } from './rebalance.ts';

type ZoneVerdict = Verdict<TenantConditionType, TenantReason>;

export type ZoneObservation = {
  /** Zones in which each service has a ready pod. */
  readonly zonesOf: Readonly<Record<Component, readonly string[]>>;
  readonly allZones: readonly string[];
  /** Whether `allZones` are those of the nodes; else of the tenant's pods, which may leave some out. */
  readonly nodesKnown: boolean;
  /** Those of them that went down with pods of the tenant. */
  readonly lostZones: readonly string[];
  readonly topologyKey: string;
  readonly rebalance: Rebalance;
  /** The reason that the condition has now. */
  readonly reasonBefore: string | undefined;
};

/** Zones without a ready node in which pods of the tenant stood: they stay bound until the zone is back, or given up. */
export const findLostZones = (pods: readonly ObservedPod[], nodes: readonly ObservedNode[]): string[] => {
  const ready = new Set(nodes.flatMap(({ zone, readySince }) => (readySince === undefined ? [] : [zone])));
  const zoneOf = new Map(nodes.map(({ name, zone }) => [name, zone]));
  const lost = pods
    .map(({ nodeName }) => zoneOf.get(nodeName ?? ''))
    .filter((zone) => zone !== undefined && !ready.has(zone));
  return [...new Set(lost)].filter((zone) => zone !== undefined).sort();
};

/** What the spread waits for, as a sentence; undefined when it is as even as it can be. */
const describeImbalance = (rebalance: Rebalance): string | undefined => {
  if (rebalance.kind !== 'move' && rebalance.kind !== 'wait') return undefined;
  const { component, from, to } = rebalance;
  const surplus = `${component} has more pods in ${from} than in ${to}`;
  if (rebalance.kind === 'move') return `${surplus}: ${rebalance.pod} is evicted, to start again there`;
  return `${surplus}: one is moved after ${new Date(rebalance.until).toISOString().replace(/\.\d+Z$/, 'Z')}`;
};

const decideSpread = ({ allZones, lostZones, rebalance, reasonBefore }: ZoneObservation): ZoneVerdict => {
  const type = 'ZoneRedundant';
  const spread = `every service has ready pods in two or more of ${allZones.join(', ')}`;
  if (lostZones.length > 0) {
    return {
      type,
      status: 'True',
      reason: 'ZoneDown',
      message: `no node of ${lostZones.join(', ')} is ready; ${spread}`,
    };
  }
  const imbalance = describeImbalance(rebalance);
  if (imbalance !== undefined) {
    return { type, status: 'True', reason: 'Unbalanced', message: `${spread}; ${imbalance}` };
  }
  // While pods start and end nothing can be said; what was to be mended is not yet so.
  if (rebalance.kind === 'unsettled' && reasonBefore === 'Unbalanced') {
    return { type, status: 'True', reason: 'Unbalanced', message: `${spread}; pods are starting or ending` };
  }
  return { type, status: 'True', reason: 'Spread', message: spread };
};

const nodesNotReadable = 'the operator may not read nodes';

/** Whether the tenant survives the loss of a zone: every service has ready pods in two zones at least. */
export const decideZoneRedundant = (observation: ZoneObservation): ZoneVerdict => {
  const { zonesOf, allZones, nodesKnown, topologyKey, rebalance } = observation;
  const type = 'ZoneRedundant';
  if (!nodesKnown && allZones.length === 0) {
    const message = `${nodesNotReadable}, and no pod carries the label ${topologyKey}, as it does from Kubernetes 1.35 on; give it the right to list and watch nodes`;
    return { type, status: 'Unknown', reason: 'NodesNotReadable', message };
  }
  if (!nodesKnown && allZones.length === 1) {
    const message = `all pods are in ${allZones.join()}; whether there are other zones is not known: ${nodesNotReadable}`;
    return { type, status: 'False', reason: 'OneZone', message };
  }
  if (allZones.length === 0) {
    return { type, status: 'False', reason: 'NoZones', message: `no node carries the label ${topologyKey}` };
  }
  if (allZones.length === 1) {
    return {
      type,
      status: 'False',
      reason: 'OneZone',
      message: `all nodes are in ${allZones.join()}: losing it stops the tenant`,
    };
  }
  const lacking = Object.entries(zonesOf).flatMap(([component, zones]) => {
    const missing = allZones.filter((zone) => !zones.includes(zone));
    return zones.length >= 2 ? [] : [`${component} has no ready pod in ${missing.join(', ')}`];
  });
  if (lacking.length === 0) return decideSpread(observation);
  const message = [...lacking, ...[describeImbalance(rebalance) ?? []].flat()].join('; ');
  return { type, status: 'False', reason: 'ZoneMissing', message };
};
