import { isDeepStrictEqual } from 'node:util';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import type { TestCluster } from '../testing/test-cluster.ts';
import { planCrash } from './failpoint/crash-point.ts';
import { createRandom } from './failpoint/random.ts';
import { planStorm } from './failpoint/storm.ts';
import { createTenant, type LifeStep, tenantOf } from './traffic/tenant-life.ts';
import { driftOf, lossOf, mergePatch, type Transition } from './traffic/transition.ts';
import { describeDifferences, describeWorld } from './validate/end-state.ts';
import { asFresh } from './validate/fresh-state.ts';
import { type NamespaceState, readNamespaceState } from './validate/namespace-state.ts';
import { isGone, isReady, settle, writesWhenDone } from './validate/quiet.ts';
import { openWorld, type World } from './world.ts';

type Spec = Readonly<Record<string, unknown>>;

/** With what every chain begins. */
export const firstSpec: Spec = {
  issuer: 'https://id.acme.example',
  gateway: { replicas: 1 },
  auth: { replicas: 1 },
  tokenStore: { replicas: 1 },
};

const patience = 120_000;
const lossPercent = 20;

const ready: LifeStep = { name: 'the chain', act: async () => undefined, leadsTo: 'ready' };

/** What a user does with a tool that tries again: conflicts and tenants that are just going are no failures. */
const ifThere = async (write: () => Promise<unknown>): Promise<void> => {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof Error) || !/404|409/.test(error.message)) throw error;
  }
};

/** A chain in its course: the world, and the spec as the user last wrote it. */
type Chain = { readonly world: World; spec: Spec };

const recreate = async ({ world, spec }: Chain): Promise<void> => {
  const { client } = world.cluster;
  await client.delete(tenantOf(world));
  // A storm may last as long as the operator makes no calls: nobody waits for a user who has gone.
  await waitUntil('the tenant to be gone', patience, () => isGone(world), 20);
  await createTenant(world, spec);
};

const apply = async (chain: Chain, transition: Transition): Promise<void> => {
  const { world } = chain;
  const { client } = world.cluster;
  const { proxy } = world.current();
  switch (transition.kind) {
    case 'change':
      // A merge patch of an object is an object.
      chain.spec = mergePatch(chain.spec, transition.spec) as Spec;
      await client.patchMerge(tenantOf(world), { spec: transition.spec });
      return;
    case 'drift': {
      const { resource, name, patch } = driftOf(transition.object);
      return ifThere(() => client.patchMerge({ resource, namespace: world.namespace, name }, patch));
    }
    case 'lose': {
      const { resource, name } = lossOf(transition.object);
      await client.delete({ resource, namespace: world.namespace, name });
      return;
    }
    case 'recreate':
      return recreate(chain);
    case 'crash':
      // Whatever it was writing: it dies in the middle, or is killed at rest when it writes less than that.
      proxy.plan = planCrash(transition);
      await waitUntil(
        'a crash',
        1_000,
        async () => proxy.calls.some(({ fault }) => fault?.startsWith('kill') === true),
        10,
      ).catch(() => undefined);
      await world.start();
      return;
    case 'storm':
      proxy.plan = planStorm(createRandom(transition.seed));
      return;
    case 'lag':
      proxy.watches.open();
      proxy.watches.lag = transition.events;
      return;
    case 'loss': {
      const random = createRandom(transition.seed);
      proxy.watches.drop = ({ type }) => type !== 'BOOKMARK' && random() * 100 < lossPercent;
      return;
    }
    case 'wait': {
      const isPaused = chain.spec['paused'] === true;
      if (isPaused) return;
      calm(world);
      return waitUntil('the tenant to be ready', patience, () => isReady(world), 30);
    }
  }
};

/** Ends all faults. What was lost comes by a new list. */
const calm = (world: World): void => {
  const { proxy } = world.current();
  proxy.plan = () => undefined;
  proxy.watches.open();
  proxy.watches.expire();
};

/** States of tenants that were made with a spec at once, by the spec: each is made once. */
export type FreshStates = (spec: Spec) => Promise<NamespaceState>;

/** @param name begins the names of the namespaces. */
export const createFreshStates = (cluster: TestCluster, name: string): FreshStates => {
  const known = new Map<string, Promise<NamespaceState>>();
  const make = async (spec: Spec): Promise<NamespaceState> => {
    const world = await openWorld(cluster, `${name}-fresh-${known.size}x`);
    try {
      await world.start();
      await createTenant(world, spec);
      return asFresh(await settle(world, ready));
    } finally {
      await world.remove();
    }
  };
  return (spec) => {
    const key = JSON.stringify(spec);
    const state = known.get(key) ?? make(spec);
    known.set(key, state);
    return state;
  };
};

/**
 * Leads a tenant through a chain of transitions, ends all faults, and compares what is there with what a tenant has that was
 * made with the last spec at once.
 * @throws Error with what is otherwise.
 */
export const runChain = async (
  cluster: TestCluster,
  fresh: FreshStates,
  chainOfTransitions: readonly Transition[],
  namespace: string,
): Promise<void> => {
  const world = await openWorld(cluster, namespace);
  const chain: Chain = { world, spec: firstSpec };
  try {
    await world.start();
    await createTenant(world, chain.spec);
    for (const transition of chainOfTransitions) await apply(chain, transition);
    await apply(chain, { kind: 'change', spec: { paused: false } });
    calm(world);
    const expected = await fresh(mergePatch(chain.spec, { paused: null }) as Spec);
    let state: NamespaceState = {};
    try {
      await waitUntil('the end state', patience, async () => {
        state = asFresh(await readNamespaceState(cluster.client, namespace));
        return (await isReady(world)) && isDeepStrictEqual(state, expected);
      });
    } catch {
      throw new Error(
        [
          'not as a tenant that is made anew:',
          ...describeDifferences(expected, state).slice(0, 20),
          ...(await describeWorld(world)),
        ].join('\n'),
      );
    }
    const late = await writesWhenDone(world, ready);
    if (late.length > 0) throw new Error(`written when all was done: ${late.join(', ')}`);
  } finally {
    await world.remove();
  }
};
