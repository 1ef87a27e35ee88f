import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { autoscalingOf, type Blueprint, components } from '../../manifests/blueprint.ts';
import type { Live } from '../installation-steps.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';
import { availabilityTypes } from './workload-state.ts';

/** An autoscaler may be without metrics for so long: those of new pods come after a minute or so. */
const patienceMilliseconds = 2 * 60_000;

/** What is told of the services, and when to look again though nothing changes, ms. */
export type AutoscalingVerdicts = {
  readonly verdicts: TenantVerdict[];
  readonly lookAgainMilliseconds: number | undefined;
};

/** What keeps an autoscaler from its work, and since when, ms since 1970. */
const readObstacle = (autoscaler: IHorizontalPodAutoscaler | undefined) => {
  // The cache keeps those conditions alone that stop it.
  const [obstacle] = autoscaler?.status?.conditions ?? [];
  if (obstacle === undefined) return undefined;
  const { reason = obstacle.type, message = '', lastTransitionTime = '' } = obstacle;
  const name = `HorizontalPodAutoscaler "${autoscaler?.metadata?.name}"`;
  return { text: `${name} says ${reason}: ${message.slice(0, 500)}`, since: Date.parse(lastTransitionTime) };
};

/**
 * Tells of services that are available and whose number of pods does not follow the load, since their autoscaler gets no
 * metrics, or may not scale. That is no fault of what runs: the condition stays True, and its reason and message say it.
 */
export const tellAutoscaling = (
  verdicts: readonly TenantVerdict[],
  blueprint: Blueprint,
  live: Pick<Live, 'autoscaler'>,
  now: Date,
): AutoscalingVerdicts => {
  const obstacles = components.flatMap((component) => {
    if (autoscalingOf(blueprint, component) === undefined) return [];
    // Objects come out of a cache by kind and name: the kind says which type the API server validated them as.
    const obstacle = readObstacle(live.autoscaler(component) as IHorizontalPodAutoscaler | undefined);
    if (obstacle === undefined) return [];
    // A clock that is ahead of ours, or no time at all, waits for the whole patience.
    const waited = Math.max(0, now.getTime() - obstacle.since) || 0;
    return [{ type: availabilityTypes[component], text: obstacle.text, remaining: patienceMilliseconds - waited }];
  });
  const ahead = obstacles.filter(({ remaining }) => remaining > 0).map(({ remaining }) => remaining);
  return {
    verdicts: verdicts.map((verdict) => {
      const obstacle = obstacles.find(({ type, remaining }) => type === verdict.type && remaining <= 0);
      if (obstacle === undefined || verdict.status !== 'True') return verdict;
      const message = `${verdict.message}, and as many whatever the load: ${obstacle.text}`;
      return { ...verdict, reason: 'NotScaling', message };
    }),
    lookAgainMilliseconds: ahead.length === 0 ? undefined : Math.min(...ahead),
  };
};
