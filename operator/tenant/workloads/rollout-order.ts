import { type Component, components } from '../../manifests/blueprint.ts';
import { compareVersions } from '../../manifests/service-version.ts';

/** What runs of one service. */
export type ServiceRun = {
  /** Version in the template of its Deployment; undefined while there is none. */
  readonly version: string | undefined;
  /** Whether its Deployment is as desired and completely rolled out. */
  readonly complete: boolean;
};

/** In which order services change their version, and how far they may go now. */
export type Rollout = {
  readonly direction: 'up' | 'down' | 'none';
  readonly order: readonly Component[];
  /** Services that may be brought to the target now; the others go on as they are. */
  readonly open: readonly Component[];
  /** The service that the next ones wait for; undefined when none waits. */
  readonly current: Component | undefined;
};

/** What is called comes before who calls it: token-store, auth, gateway. */
const upwards: readonly Component[] = components;
const downwards: readonly Component[] = [...components].reverse();

/**
 * A change of version goes from service to service, each waiting until the one before runs the target completely, so that
 * an older caller meets a newer service and never the reverse; back it goes the other way round. Without a change of version
 * all may change at once. A service of the target's version, or that does not run yet, never waits.
 */
export const planRollout = (runs: Readonly<Record<Component, ServiceRun>>, target: string): Rollout => {
  const lagging = components.filter(
    (component) => runs[component].version !== undefined && runs[component].version !== target,
  );
  if (lagging.length === 0) return { direction: 'none', order: upwards, open: components, current: undefined };
  const isDown = lagging.some((component) => compareVersions(runs[component].version ?? target, target) > 0);
  const order = isDown ? downwards : upwards;
  const current = order.find((component) => runs[component].version !== target || !runs[component].complete);
  const open = components.filter((component) => component === current || !lagging.includes(component));
  return { direction: isDown ? 'down' : 'up', order, open, current };
};
