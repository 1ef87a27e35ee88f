import { isDeepStrictEqual } from 'node:util';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { staleLists } from '../testing/fault-proxy/fault.ts';
import type { FaultProxy } from '../testing/fault-proxy.ts';
import type { TestCluster } from '../testing/test-cluster.ts';
import type { RecordedStep } from './crash-suite.ts';
import { planCrash } from './failpoint/crash-point.ts';
import { createRandom } from './failpoint/random.ts';
import { feedSlowly, type StaleView } from './failpoint/stale-view.ts';
import type { Tally } from './report/tally.ts';
import { describeDifferences, findDeviations } from './validate/end-state.ts';
import { compareMakings } from './validate/ledger.ts';
import { readNamespaceState } from './validate/namespace-state.ts';
import { openWorld, type World } from './world.ts';

const patience = 120_000;

/** Of every kind the last events are missing: so many at most. */
const maxLag = 4;
/** How many of a hundred events are lost. */
const lossPercent = 30;

const makeStale = ({ watches }: FaultProxy, { kind }: StaleView, random: () => number): void => {
  if (kind === 'lagging') watches.lag = 1 + Math.floor(random() * maxLag);
  else if (kind === 'dropped') watches.drop = ({ type }) => type !== 'BOOKMARK' && random() * 100 < lossPercent;
  else watches.lag = Number.POSITIVE_INFINITY;
};

/** Kills the operator somewhere in the step, and starts it anew with lists of before the step. */
const restartInThePast = async (world: World, one: RecordedStep, resourceVersion: string, random: () => number) => {
  const { proxy } = await world.present();
  proxy.plan = planCrash({ write: 1 + Math.floor(random() * one.writes.length), when: 'after' });
  await one.step.act(world);
  // A step that takes fewer writes this time is over by then, and the restart is one of a quiet world.
  await Promise.race([proxy.killed, waitUntil('the step', 5_000, async () => false, 100).catch(() => undefined)]);
  await world.start((next) => {
    next.watches.lag = Number.POSITIVE_INFINITY;
    next.plan = staleLists(resourceVersion);
  });
};

const takeStep = async (world: World, one: RecordedStep, view: StaleView): Promise<string[]> => {
  const random = createRandom(view.seed);
  const { client } = world.cluster;
  world.mark();
  const { resourceVersion } = await client.list(builtInResources.secrets, { namespace: world.namespace });
  if (view.kind === 'restarted' && one.writes.length > 0) {
    await restartInThePast(world, one, resourceVersion, random);
  } else {
    makeStale((await world.present()).proxy, view, random);
    await one.step.act(world);
  }
  const relist = () => {
    if (view.kind !== 'dropped') return;
    // What was lost comes by the list that follows, once; what is lost after that too would never come.
    world.current().proxy.watches.open();
    world.current().proxy.watches.expire();
  };
  const stop = feedSlowly(world, random, relist);
  let state: unknown;
  try {
    await waitUntil(
      'the end state under a stale view',
      patience,
      async () => {
        state = await readNamespaceState(client, world.namespace);
        return isDeepStrictEqual(state, one.expected.state);
      },
      50,
    );
  } catch {
    return describeDifferences(one.expected.state, state);
  } finally {
    await stop();
  }
  const { proxy } = await world.present();
  proxy.plan = () => undefined;
  proxy.watches.open();
  if (view.kind === 'dropped') proxy.watches.expire();
  return findDeviations(world, one.step, one.expected, compareMakings);
};

/** Leads a tenant through a whole life under one stale view a step. A step that goes wrong is told, and ends the life. */
export const runLifeWithStaleViews = async (
  cluster: TestCluster,
  recorded: readonly RecordedStep[],
  views: readonly StaleView[],
  name: string,
  tally: Tally,
): Promise<void> => {
  const world = await openWorld(cluster, name);
  try {
    await world.start();
    for (const [index, one] of recorded.entries()) {
      const view = views[index % views.length];
      if (view === undefined) return;
      const details = await takeStep(world, one, view);
      if (details.length > 0)
        return tally.fail({
          what: `${name}: "${one.step.name}" under a view that is ${view.kind}, seed ${view.seed}`,
          details,
        });
      tally.pass();
      // The next step starts with a view of its own.
      await world.start();
    }
  } catch (error) {
    tally.fail({ what: name, details: [String(error)] });
  } finally {
    await world.remove();
  }
};
