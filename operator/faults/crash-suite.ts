import { waitUntil } from '../../e2e/cluster/wait.ts';
import { describeCall, isWrite } from '../testing/fault-proxy/api-call.ts';
import type { TestCluster } from '../testing/test-cluster.ts';
import { type CrashPoint, listCrashPoints, planCrash } from './failpoint/crash-point.ts';
import type { Tally } from './report/tally.ts';
import type { LifeStep } from './traffic/tenant-life.ts';
import { type Expected, findDeviations } from './validate/end-state.ts';
import { buildLedger, compareLedgers } from './validate/ledger.ts';
import { isGone, isReady, settle, writesOf } from './validate/quiet.ts';
import { openWorld, type World } from './world.ts';

/** A step as it goes when nothing goes wrong. */
export type RecordedStep = { readonly step: LifeStep; readonly expected: Expected; readonly writes: readonly string[] };

/** Runs a life without faults and records what each step leads to. */
export const recordLife = async (
  cluster: TestCluster,
  life: readonly LifeStep[],
  name: string,
): Promise<RecordedStep[]> => {
  const world = await openWorld(cluster, name);
  const recorded: RecordedStep[] = [];
  try {
    for (const step of life) {
      await world.start();
      world.mark();
      await step.act(world);
      const state = await settle(world, step);
      recorded.push({ step, expected: { state, ledger: buildLedger(world.calls()) }, writes: writesOf(world) });
    }
  } finally {
    await world.remove();
  }
  return recorded;
};

/** Every crash point of every step. */
export const listLifeCrashPoints = (recorded: readonly RecordedStep[]): CrashPoint[][] =>
  recorded.map(({ writes }) => listCrashPoints(writes.length));

const describePoint = ({ step }: RecordedStep, { write, when }: CrashPoint): string =>
  `"${step.name}", killed ${when} write ${write}`;

/** The last write that any incarnation tried, which is the one that it died of. */
const lastWrite = (world: World): string => {
  const call = world.calls().findLast((one) => isWrite(one) && one.fault?.startsWith('kill') === true);
  return call === undefined ? 'never reached' : describeCall(call);
};

const patience = 120_000;

const hasDied = (world: World): boolean =>
  world.current().proxy.calls.some(({ fault }) => fault?.startsWith('kill') === true);

/** Waits until the operator is killed. @returns false when the step is over without it: it took fewer writes this time. */
const waitForDeath = async (world: World, step: LifeStep): Promise<boolean> => {
  const isOver = async () =>
    (await (step.leadsTo === 'ready' ? isReady(world) : isGone(world))) && (await world.current().operator.isIdle());
  let restedFor = 0;
  await waitUntil(
    `the death of the operator of ${world.namespace}, or the end of "${step.name}"`,
    patience,
    async () => {
      if (hasDied(world)) return true;
      restedFor = (await isOver()) ? restedFor + 1 : 0;
      // What it writes at the very end, such as an event, may still come.
      return restedFor > 5;
    },
    30,
  );
  return hasDied(world);
};

/**
 * Takes one step in which the operator dies at each of `points`, one after the other: each incarnation at one of them. The
 * last incarnation lives.
 * @returns what is otherwise than without deaths, and how many deaths came to pass.
 */
const crashInStep = async (world: World, { step, expected }: RecordedStep, points: readonly CrashPoint[]) => {
  world.mark();
  let deaths = 0;
  const [first, ...later] = points;
  if (first !== undefined) (await world.present()).proxy.plan = planCrash(first);
  await step.act(world);
  if (first !== undefined && (await waitForDeath(world, step))) {
    deaths += 1;
    for (const point of later) {
      await world.start((proxy) => {
        proxy.plan = planCrash(point);
      });
      if (!(await waitForDeath(world, step))) break;
      deaths += 1;
    }
    await world.start();
  } else {
    (await world.present()).proxy.plan = () => undefined;
  }
  return { deaths, deviations: await findDeviations(world, step, expected, compareLedgers) };
};

/** For each step of a life, the deaths in it. */
export type Schedule = readonly (readonly CrashPoint[])[];

/**
 * Leads a tenant through a whole life with the deaths of `schedule`. A step that goes wrong is told, and ends the life, for
 * the steps after it would start from what should not be.
 * @returns the number of deaths that came to pass.
 */
export const runLifeWithCrashes = async (
  cluster: TestCluster,
  recorded: readonly RecordedStep[],
  schedule: Schedule,
  name: string,
  tally: Tally,
): Promise<void> => {
  const world = await openWorld(cluster, name);
  try {
    await world.start();
    for (const [index, one] of recorded.entries()) {
      const points = schedule[index] ?? [];
      const what = `${name}: ${points.map((point) => describePoint(one, point)).join(', then ') || `"${one.step.name}"`}`;
      const { deaths, deviations } = await crashInStep(world, one, points);
      if (deviations.length > 0) {
        tally.fail({ what: `${what} (${lastWrite(world)})`, details: deviations });
        return;
      }
      for (let death = 0; death < deaths; death += 1) tally.pass();
    }
  } catch (error) {
    tally.fail({ what: name, details: [String(error)] });
  } finally {
    await world.remove();
  }
};
