import { isDeepStrictEqual } from 'node:util';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import type { ResourceKind } from '../runtime/resource-kind.ts';
import { customResources } from '../tenant/custom-resources.ts';
import type { KubeletStandIn } from '../testing/kubelet-stand-in.ts';
import { type LivingAuth, startLivingAuth } from '../testing/living-auth.ts';
import type { Stage } from './stage.ts';
import { endFaults, strike } from './strike.ts';
import { awaitNotice, listBelongingsOf, putBelonging, putBelongings, removeBelonging } from './traffic/belonging.ts';
import { leave, type Squatter, squat } from './traffic/squatter.ts';
import { deleteClient, ensureClients, writeClient } from './traffic/tenant-clients.ts';
import { createTenant, type LifeStep, tenantName, tenantOf } from './traffic/tenant-life.ts';
import { driftOf, growth, lossOf, podComponents, type Transition } from './traffic/transition.ts';
import { firstWish, nextWish, releaseOf, type Wish } from './traffic/wish.ts';
import { findUnregistered } from './validate/client-registry.ts';
import { describeDifferences, describeWorld } from './validate/end-state.ts';
import { asFresh } from './validate/fresh-state.ts';
import { type NamespaceState, readNamespaceState } from './validate/namespace-state.ts';
import { areClientsReady, isGone, isReady, settle, writesWhenDone } from './validate/quiet.ts';
import { openWorld, type World } from './world.ts';

const patience = 120_000;

const ready: LifeStep = { name: 'the chain', act: async () => undefined, leadsTo: 'ready' };

/** What a user does with a tool that tries again: conflicts and tenants that are just going are no failures. */
const ifThere = async (write: () => Promise<unknown>): Promise<void> => {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof Error) || !/404|409/.test(error.message)) throw error;
  }
};

/** A chain in its course. */
type Chain = {
  readonly world: World;
  readonly kubelets: KubeletStandIn;
  readonly auth: LivingAuth;
  /** All that the user has asked for so far. */
  wish: Wish;
  /** Clients that were still going when the tenant went: with it they are let go at once, and a kept database knows them on. */
  readonly left: Set<string>;
  /** Whether events may have been lost since everything was listed last. */
  isBlind: boolean;
  /** What strangers have put there, and not yet taken away. */
  readonly squatters: Squatter[];
};

/** A world with everything that a user keeps in it beside the tenant. */
const openFurnishedWorld = async ({ cluster, kubelets }: Stage, namespace: string, wish: Wish) => {
  const world = await openWorld(cluster, namespace);
  // Whoever moves data takes the mark of its database along.
  kubelets.reportMigration(namespace, { outcome: 'migrated', schemaVersion: '1', applied: [], databaseId: 'the-data' });
  await putBelongings(world, wish.editions);
  world.adopt(releaseOf(wish));
  await world.start();
  const auth = await startLivingAuth(cluster.client, { namespace, tenant: tenantName });
  return { world, auth };
};

const remove = async ({ world, auth }: Pick<Chain, 'world' | 'auth'>): Promise<void> => {
  await world.remove();
  await auth.stop();
};

const recreate = async ({ world, wish, left }: Chain): Promise<void> => {
  const { client } = world.cluster;
  const clients = await client.list(customResources.identityClients, { namespace: world.namespace });
  for (const { metadata } of clients.items) if (metadata.deletionTimestamp !== undefined) left.add(metadata.name);
  await client.delete(tenantOf(world));
  // A storm may last as long as the operator makes no calls: nobody waits for a user who has gone.
  await waitUntil('the tenant to be gone', patience, () => isGone(world), 20);
  await createTenant(world, wish.spec, wish.annotations);
};

/** Ends what holds the tenant up outside of the operator, so that it can become Ready. */
const putRight = async ({ world, auth, wish, kubelets, squatters }: Chain): Promise<void> => {
  for (const squatter of squatters.splice(0)) await leave(world, squatter);
  kubelets.release(world.namespace, ...podComponents);
  auth.mute(0);
  await putBelongings(world, wish.editions);
  await ensureClients(world, wish.clients, patience);
};

/** Whether what has this name is a stranger's by now, who alone may touch it. */
const isStrangers = (
  { squatters }: Chain,
  object: { readonly resource: ResourceKind; readonly name: string },
): boolean =>
  squatters.some(({ reference }) => reference.resource === object.resource && reference.name === object.name);

const apply = async (chain: Chain, transition: Transition): Promise<void> => {
  const { world } = chain;
  const { client } = world.cluster;
  const before = chain.wish;
  chain.wish = nextWish(before, transition);
  const { spec, clients, editions } = chain.wish;
  switch (transition.kind) {
    case 'change':
      await client.patchMerge(tenantOf(world), { spec: transition.spec });
      return;
    case 'move':
      await client.patchMerge(tenantOf(world), { spec: { ...transition.spec, paused: true } });
      await client.patchMerge(tenantOf(world), { spec: { paused: spec['paused'] } });
      return;
    case 'client':
      return ifThere(() => writeClient(world, transition.name, clients[transition.name] ?? {}, transition.spec));
    case 'dismiss':
      return deleteClient(world, transition.name);
    case 'rotate':
      return putBelonging(world, transition.belonging, editions[transition.belonging]);
    case 'misplace':
      return removeBelonging(world, transition.belonging);
    case 'restart':
      await client.patchMerge(tenantOf(world), { metadata: { annotations: chain.wish.annotations } });
      return;
    case 'grow':
      if (chain.wish !== before) await client.patchMerge(tenantOf(world), { spec: growth });
      return;
    case 'squat': {
      const squatter = await squat(world, transition.object);
      if (squatter !== undefined) chain.squatters.push(squatter);
      return;
    }
    case 'crowd':
      return chain.kubelets.hold(world.namespace, transition.component);
    case 'mute':
      return chain.auth.mute(transition.requests);
    case 'upgrade':
    case 'downgrade':
      world.adopt(releaseOf(chain.wish));
      await world.start();
      return;
    case 'drift': {
      const { resource, name, patch } = driftOf(transition.object);
      if (isStrangers(chain, { resource, name })) return;
      return ifThere(() => client.patchMerge({ resource, namespace: world.namespace, name }, patch));
    }
    case 'lose': {
      const { resource, name } = lossOf(transition.object);
      if (isStrangers(chain, { resource, name })) return;
      await client.delete({ resource, namespace: world.namespace, name });
      return;
    }
    case 'recreate':
      return recreate(chain);
    case 'loss':
      chain.isBlind = true;
      return strike(world, transition);
    case 'crash':
    case 'storm':
    case 'lag':
      return strike(world, transition);
    case 'wait': {
      if (spec['paused'] === true) return;
      await calm(chain);
      await putRight(chain);
      return waitUntil('tenant and clients to be ready', patience, () => isAllReady(world), 30);
    }
  }
};

const isAllReady = async (world: World): Promise<boolean> => (await isReady(world)) && (await areClientsReady(world));

/** Ends all faults; without a loss nothing may need a new list. */
const calm = async (chain: Chain): Promise<void> => {
  await endFaults(chain.world, chain.isBlind ? 'and list anew' : 'and see');
  chain.isBlind = false;
};

/** States of tenants that were made with all of a wish at once, by the wish: each is made once. */
export type FreshStates = (wish: Wish) => Promise<NamespaceState>;

/** @param name begins the names of the namespaces. */
export const createFreshStates = (stage: Stage, name: string): FreshStates => {
  const known = new Map<string, Promise<NamespaceState>>();
  const make = async (wish: Wish): Promise<NamespaceState> => {
    const { world, auth } = await openFurnishedWorld(stage, `${name}-fresh-${known.size}x`, wish);
    try {
      await createTenant(world, wish.spec, wish.annotations);
      await ensureClients(world, wish.clients, patience);
      await waitUntil('tenant and clients to be ready', patience, () => isAllReady(world), 30);
      return asFresh(await settle(world, ready));
    } finally {
      await remove({ world, auth });
    }
  };
  return (wish) => {
    const key = JSON.stringify(wish);
    const state = known.get(key) ?? make(wish);
    known.set(key, state);
    return state;
  };
};

/** A chain that did not end as it should, with all that its last operator has logged. */
export class ChainError extends Error {
  override readonly name = 'ChainError';
  readonly log: string;

  constructor(lines: readonly string[], log: string) {
    super(lines.join('\n'));
    this.log = log;
  }
}

const maxDifferences = 60;

/** Waits until all is as a user wished it, and nothing is written any more. @throws ChainError with what is otherwise. */
const awaitEnd = async ({ world, auth, wish, left }: Chain, expected: NamespaceState): Promise<void> => {
  const { client } = world.cluster;
  let state: NamespaceState = {};
  let unregistered: string[] = [];
  const fail = async (what: string, lines: readonly string[]): Promise<never> => {
    const { operator } = await world.present();
    throw new ChainError([what, ...lines, ...(await describeWorld(world))], operator.log());
  };
  try {
    await waitUntil('the end state', patience, async () => {
      state = asFresh(await readNamespaceState(client, world.namespace));
      unregistered = await findUnregistered(world, auth.clients, left);
      return (await isAllReady(world)) && unregistered.length === 0 && isDeepStrictEqual(state, expected);
    });
  } catch {
    const differences = describeDifferences(expected, state).slice(0, maxDifferences);
    await fail(`not as what is made of ${JSON.stringify(wish)} at once:`, [...unregistered, ...differences]);
  }
  const late = await writesWhenDone(world, ready);
  if (late.length > 0) await fail('written when all was done:', late);
};

/** At rest nothing else wakes the tenant. @throws ChainError when a change of something that it names does not. */
const awaitNotices = async ({ world, wish }: Chain): Promise<void> => {
  for (const belonging of listBelongingsOf(wish.spec)) {
    await awaitNotice(world, belonging).catch(async (error: unknown) => {
      throw new ChainError([String(error), ...(await describeWorld(world))], (await world.present()).operator.log());
    });
  }
};

/**
 * Leads a tenant and its clients through a chain of transitions, ends all faults, and compares what is there with what there
 * is where all that was asked for last was made at once. Then what the tenant names changes, which has to wake it.
 * @throws ChainError with what is otherwise.
 */
export const runChain = async (
  stage: Stage,
  fresh: FreshStates,
  transitions: readonly Transition[],
  namespace: string,
): Promise<void> => {
  const chain: Chain = {
    ...(await openFurnishedWorld(stage, namespace, firstWish)),
    wish: firstWish,
    kubelets: stage.kubelets,
    left: new Set(),
    squatters: [],
    isBlind: false,
  };
  try {
    await createTenant(chain.world, firstWish.spec);
    for (const transition of transitions) await apply(chain, transition);
    // No more than has to be: whatever the user does wakes the tenant, and would hide that nothing else has.
    if (chain.wish.spec['paused'] === true) await apply(chain, { kind: 'change', spec: { paused: false } });
    await calm(chain);
    await putRight(chain);
    await awaitEnd(chain, await fresh(nextWish(chain.wish, { kind: 'change', spec: { paused: null } })));
    await awaitNotices(chain);
  } finally {
    await remove(chain);
  }
};
