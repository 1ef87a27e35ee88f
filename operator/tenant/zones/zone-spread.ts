import { components, workloadSpecOf } from '../../manifests/blueprint.ts';
import type { Observed } from '../observed.ts';
import type { Situation } from '../situation.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';
import { decideRebalance, type Rebalance } from './rebalance.ts';
import { decideZoneRedundant, findLostZones } from './zone-redundant.ts';

/** What is to be said and done about the spread of a tenant's pods over zones. */
export type SpreadPlan = {
  readonly verdict: TenantVerdict;
  /** A pod to be evicted, so that its successor comes into another zone. */
  readonly evict: readonly string[];
  readonly waitMilliseconds?: number;
};

/** Of an eviction that the disruption budget refuses there is no other word. */
const lookAgainMilliseconds = 30_000;

const waitOf = (rebalance: Rebalance, now: Date): number | undefined => {
  if (rebalance.kind === 'move') return lookAgainMilliseconds;
  return rebalance.kind === 'wait' ? rebalance.until - now.getTime() : undefined;
};

/** Whether every service runs as it should; otherwise nothing is moved, and nothing said of balance. */
const isSettled = ({ steps, rollout, available }: Situation): boolean =>
  steps?.complete === true &&
  rollout.direction === 'none' &&
  Object.values(available).every(({ reason }) => reason === 'AllAvailable');

/** Decides about the spread over zones: whether it will do, and which pod is to be moved. */
export const planSpread = (observed: Observed, situation: Situation, now: Date): SpreadPlan => {
  const { blueprint, zonesOf, allZones } = situation;
  const { tenant, pods, nodes } = observed;
  const { mode, topologyKey } = tenant.spec.availability;
  const lostZones = findLostZones(pods, nodes ?? []);
  const workloads = components.map((component) => {
    const { nodeSelector = {}, affinity } = workloadSpecOf(blueprint, component);
    return { component, nodeSelector, hasAffinity: affinity !== undefined };
  });
  const mayMove = isSettled(situation) && mode === 'HighlyAvailable' && !tenant.spec.paused && lostZones.length === 0;
  const rebalance: Rebalance =
    mayMove && nodes !== undefined
      ? decideRebalance({ workloads, pods, nodes, now: now.getTime() })
      : { kind: 'unsettled' };
  const waitMilliseconds = waitOf(rebalance, now);
  return {
    verdict: decideZoneRedundant({
      zonesOf,
      allZones,
      nodesKnown: nodes !== undefined,
      lostZones,
      topologyKey,
      rebalance,
      reasonBefore: tenant.status.conditions?.find(({ type }) => type === 'ZoneRedundant')?.reason,
    }),
    evict: rebalance.kind === 'move' ? [rebalance.pod] : [],
    ...(waitMilliseconds === undefined ? {} : { waitMilliseconds }),
  };
};
