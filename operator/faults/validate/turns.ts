import type { TenantStatus } from '../../api/tenant-status.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { customResources } from '../../tenant/custom-resources.ts';
import type { World } from '../world.ts';

type Tenant = LiveObject & { readonly spec: { readonly paused?: boolean }; readonly status?: TenantStatus };

/** Counts turns, as the API server has them. */
export type TurnCounter = {
  /** The most tenants that ever had their turn at once; of those that somebody paused at it none. */
  readonly most: () => number;
  readonly stop: () => Promise<void>;
};

/** Watches the tenants of a world from now on. */
export const countTurns = async ({ cluster, namespace }: World): Promise<TurnCounter> => {
  const resource = customResources.identityTenants;
  const { resourceVersion } = await cluster.client.list(resource, { namespace });
  const stop = new AbortController();
  const turns = new Set<string>();
  /** Whoever pauses a tenant at its turn takes it out of the fleet's hands: another one begins, and it goes on when he likes. */
  const taken = new Set<string>();
  let most = 0;
  const options = { namespace, resourceVersion, timeoutSeconds: 600, idleTimeoutMs: 600_000, signal: stop.signal };
  const counting = (async () => {
    const events = cluster.client.watch<Tenant>(resource, options);
    for await (const event of events) {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') continue;
      const { metadata, spec, status } = event.object;
      const isAtTurn = status?.targetVersion !== undefined;
      if (!isAtTurn) taken.delete(metadata.name);
      else if (spec.paused === true) taken.add(metadata.name);
      if (isAtTurn && !taken.has(metadata.name)) turns.add(metadata.name);
      else turns.delete(metadata.name);
      most = Math.max(most, turns.size);
    }
  })().catch(() => undefined);
  return {
    most: () => most,
    stop: async () => {
      stop.abort();
      await counting;
    },
  };
};
