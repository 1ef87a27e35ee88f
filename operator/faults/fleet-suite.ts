import { waitUntil } from '../../e2e/cluster/wait.ts';
import { apiVersion } from '../api/group.ts';
import type { TenantStatus } from '../api/tenant-status.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { customResources } from '../tenant/custom-resources.ts';
import type { Stage } from './stage.ts';
import { endFaults, strike } from './strike.ts';
import { type FleetTransition, fleetTenants, maxRolling } from './traffic/fleet-traffic.ts';
import { releaseOf, type Wish } from './traffic/wish.ts';
import { writesWhenDone } from './validate/quiet.ts';
import { countTurns } from './validate/turns.ts';
import { openWorld, type World } from './world.ts';

type Tenant = LiveObject & { readonly spec: { readonly version?: string }; readonly status?: TenantStatus };

const patience = 180_000;
const resource = customResources.identityTenants;

const createTenants = async ({ cluster, namespace }: World): Promise<void> => {
  for (const { name, wave } of fleetTenants)
    await cluster.client.create({
      apiVersion,
      kind: 'IdentityTenant',
      metadata: { name, namespace },
      spec: { issuer: `https://${name}.example`, availability: { mode: 'Single' }, updatePolicy: { wave } },
    });
};

const listTenants = async ({ cluster, namespace }: World) =>
  (await cluster.client.list<Tenant>(resource, { namespace })).items;

/** What is not yet as it should be at the end: each tenant Ready, of its version, and at no turn. */
const findBehind = async (world: World, version: string): Promise<string[]> => {
  const tenants = await listTenants(world);
  return tenants.flatMap(({ metadata, spec, status = {} }) => {
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    const isReady = ready?.status === 'True' && ready.observedGeneration === metadata.generation;
    const isThere = status.version === (spec.version ?? version) && status.targetVersion === undefined;
    if (isReady && isThere) return [];
    const { version: runs = 'nothing', targetVersion: turn = 'none' } = status;
    return [`${metadata.name} runs ${runs}, turn ${turn}, ${ready?.reason}: ${ready?.message}`];
  });
};

const advanceMilliseconds = 5_000;

/** Waits until some are through that were not, or all are; not for long, since what has failed may hold it up. */
const advance = async (world: World, version: string): Promise<void> => {
  const before = (await findBehind(world, version)).length;
  const isFurther = async () => before === 0 || (await findBehind(world, version)).length < before;
  await waitUntil('the fleet to advance', advanceMilliseconds, isFurther).catch(() => undefined);
};

/** @returns of which release the operator is after it. */
const apply = async (world: World, transition: FleetTransition, release: Wish['release']): Promise<Wish['release']> => {
  switch (transition.kind) {
    case 'upgrade':
    case 'downgrade': {
      const next = transition.kind === 'upgrade' ? 'next' : 'first';
      world.adopt(releaseOf({ release: next }));
      await world.start();
      return next;
    }
    case 'change':
      await world.cluster.client.patchMerge(
        { resource, namespace: world.namespace, name: transition.tenant },
        { spec: transition.spec },
      );
      return release;
    case 'advance':
      await advance(world, releaseOf({ release }).version);
      return release;
    default:
      await strike(world, transition);
      return release;
  }
};

/**
 * Leads a fleet that follows its operator up and down through faults. At the end everybody runs what the last operator
 * brought, or what he pins, and nothing is written any more; never had more their turn than may.
 * @returns what is otherwise.
 */
export const runFleet = async (
  { cluster }: Stage,
  traffic: readonly FleetTransition[],
  namespace: string,
): Promise<string[]> => {
  const world = await openWorld(cluster, namespace, { maxRollingTenants: maxRolling });
  let release: Wish['release'] = 'first';
  world.adopt(releaseOf({ release }));
  try {
    await world.start();
    await createTenants(world);
    const awaitAll = async (what: string): Promise<string[]> => {
      let behind: string[] = [];
      await waitUntil(what, patience, async () => {
        behind = await findBehind(world, releaseOf({ release }).version);
        return behind.length === 0;
      }).catch(() => undefined);
      return behind;
    };
    const unmade = await awaitAll('the fleet to be made');
    if (unmade.length > 0) return unmade;
    const turns = await countTurns(world);
    try {
      for (const transition of traffic) release = await apply(world, transition, release);
      for (const { name } of fleetTenants)
        await cluster.client.patchMerge({ resource, namespace, name }, { spec: { paused: false } });
      await endFaults(world, traffic.some(({ kind }) => kind === 'loss') ? 'and list anew' : 'and see');
      const behind = await awaitAll('the fleet to follow');
      if (behind.length > 0) return [...behind, (await world.present()).operator.log().slice(-4_000)];
    } finally {
      await turns.stop();
    }
    const crowd = turns.most() > maxRolling ? [`${turns.most()} had their turn at once`] : [];
    return [
      ...crowd,
      ...(await writesWhenDone(world, { name: 'the fleet', act: async () => undefined, leadsTo: 'ready' })),
    ];
  } finally {
    await world.remove();
  }
};
