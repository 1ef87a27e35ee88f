import { isDeepStrictEqual } from 'node:util';
import type { IPod } from 'kubernetes-models/v1';
import { waitUntil } from '../../../e2e/cluster/wait.ts';
import { labels } from '../../api/group.ts';
import type { IdentityClient } from '../../api/identity-client.ts';
import type { TenantStatus } from '../../api/tenant-status.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { builtInResources } from '../../runtime/resource-kind.ts';
import { customResources } from '../../tenant/custom-resources.ts';
import { describeCall, isWrite } from '../../testing/fault-proxy/api-call.ts';
import { type LifeStep, tenantOf } from '../traffic/tenant-life.ts';
import type { World } from '../world.ts';
import { type NamespaceState, readNamespaceState, touchedAnnotation } from './namespace-state.ts';

/** How long Kubernetes' own controllers and ours may take for a step, ms: a deadline, not a bound. */
const patience = 120_000;

const zoneLabel = 'topology.kubernetes.io/zone';

/** Writes of whatever incarnations there were since the last mark, as text. */
export const writesOf = (world: World): string[] => world.calls().filter(isWrite).map(describeCall);

/** Lets the operator look at the tenant once more and waits until it has nothing to do. */
const lookAgain = async (world: World): Promise<void> => {
  const { operator } = await world.present();
  const before = await operator.reconciles('tenant');
  await world.cluster.client.patchMerge(tenantOf(world), {
    metadata: { annotations: { [touchedAnnotation]: crypto.randomUUID() } },
  });
  await waitUntil(
    `${world.namespace} to be looked at`,
    patience,
    async () => {
      const now = world.current().operator;
      // One that came in its place looks at everything.
      const seen = now === operator ? before : 0;
      return (await now.reconciles('tenant')) > seen && (await now.isIdle());
    },
    5,
  );
};

/** Waits until the operator has nothing to do and nothing more is on its way, its events included. */
const awaitStillness = async (world: World): Promise<void> => {
  let seen = -1;
  await waitUntil(
    `the operator of ${world.namespace} to be still`,
    patience,
    async () => {
      const before = seen;
      seen = world.calls().length;
      return seen === before && (await world.current().operator.isIdle());
    },
    50,
  );
};

/** What the operator writes when it looks at a tenant with which it is done: nothing is what there should be. */
export const writesWhenDone = async (world: World, { leadsTo }: LifeStep): Promise<string[]> => {
  await awaitStillness(world);
  const before = writesOf(world).length;
  if (leadsTo === 'ready') await lookAgain(world);
  await awaitStillness(world);
  return writesOf(world).slice(before);
};

/**
 * Whether the status tells in which zones ready pods stand. The operator keeps mere progress back for a moment, and the
 * comparison of states leaves zones out: until this is told, one more report is still to come.
 */
const tellsZones = async ({ cluster, namespace }: World, { services = {} }: TenantStatus): Promise<boolean> => {
  const [pods, nodes] = await Promise.all([
    cluster.client.list<LiveObject & IPod>(builtInResources.pods, { namespace }),
    cluster.client.list(builtInResources.nodes),
  ]);
  const zoneOf = new Map(nodes.items.map(({ metadata }) => [metadata.name, metadata.labels?.[zoneLabel]]));
  const zonesOf = (component: string) => {
    const ready = pods.items.filter(
      ({ metadata, status }) =>
        metadata.labels?.[labels.component] === component &&
        metadata.deletionTimestamp === undefined &&
        status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
    );
    return [...new Set(ready.map(({ spec }) => zoneOf.get(spec?.nodeName ?? '')))].sort();
  };
  const { gateway, auth, tokenStore } = services;
  return Object.entries({ gateway, auth, 'token-store': tokenStore }).every(([component, told]) =>
    isDeepStrictEqual([...(told?.zones ?? [])].sort(), zonesOf(component)),
  );
};

/** Whether the tenant is Ready as it is now, and everything of that is told. */
export const isReady = async (world: World): Promise<boolean> => {
  const tenant = await world.cluster.client.get<LiveObject & { status?: TenantStatus }>(tenantOf(world));
  const ready = tenant?.status?.conditions?.find(({ type }) => type === 'Ready');
  const isCurrent = ready?.status === 'True' && ready.observedGeneration === tenant?.metadata.generation;
  return isCurrent && tellsZones(world, tenant?.status ?? {});
};

/** Whether every client of the world is registered as it is now. */
export const areClientsReady = async ({ cluster, namespace }: World): Promise<boolean> => {
  const { items } = await cluster.client.list<LiveObject & Pick<IdentityClient, 'status'>>(
    customResources.identityClients,
    { namespace },
  );
  return items.every(
    ({ metadata, status }) =>
      status?.observedGeneration === metadata.generation &&
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
  );
};

/** Whether the tenant itself is no more; what it owned may still be going. */
export const isGone = async (world: World): Promise<boolean> =>
  (await world.cluster.client.get(tenantOf(world))) === undefined;

const isOwned = (object: unknown): boolean => JSON.stringify(object).includes('"kind":"IdentityTenant"');

const isCleanedUp = (state: NamespaceState): boolean => !Object.values(state).flat().some(isOwned);

/** Waits until a step has led where it leads to, and nothing moves any more. @returns the state that remains. */
export const settle = async (world: World, step: LifeStep): Promise<NamespaceState> => {
  const read = () => readNamespaceState(world.cluster.client, world.namespace);
  if (step.leadsTo === 'ready')
    await waitUntil(`${world.namespace} to be ready after "${step.name}"`, patience, () => isReady(world), 20);
  let state = await read();
  await waitUntil(`${world.namespace} to be quiet after "${step.name}"`, patience, async () => {
    const writes = await writesWhenDone(world, step);
    const before = state;
    state = await read();
    const isOver = step.leadsTo === 'ready' || isCleanedUp(state);
    return isOver && writes.length === 0 && isDeepStrictEqual(state, before);
  });
  return state;
};
