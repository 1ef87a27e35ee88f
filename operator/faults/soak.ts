// node operator/faults/soak.ts [--crashes N] [--stale N] [--transitions N] [--fleets N] [--width N] [--seed N] [--from N]: the long form of
// the fault suites; closes with `N passed, N failed`. It can be run in parts: --from is the life with which crashes and stale
// views begin, and each part says with which the next one does.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ChainError, createFreshStates, runChain } from './chain-suite.ts';
import { listLifeCrashPoints, type RecordedStep, recordLife, runLifeWithCrashes } from './crash-suite.ts';
import type { CrashPoint } from './failpoint/crash-point.ts';
import { createRandom, pick } from './failpoint/random.ts';
import type { StaleView } from './failpoint/stale-view.ts';
import { runFleet } from './fleet-suite.ts';
import { createTally, type Tally } from './report/tally.ts';
import { inParallel, type Stage, startStage } from './stage.ts';
import { runLifeWithStaleViews } from './stale-suite.ts';
import { sampleFleetTraffic } from './traffic/fleet-traffic.ts';
import { tenantLife } from './traffic/tenant-life.ts';
import { sampleChains } from './traffic/transition.ts';

const { values } = parseArgs({
  options: {
    crashes: { type: 'string', default: '600' },
    stale: { type: 'string', default: '150' },
    transitions: { type: 'string', default: '1000' },
    fleets: { type: 'string', default: '12' },
    width: { type: 'string', default: '3' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
  },
});
const [crashes, staleViews, wantedTransitions, wantedFleets, width, seed, from] = [
  values.crashes,
  values.stale,
  values.transitions,
  values.fleets,
  values.width,
  values.seed,
  values.from,
].map(Number) as [number, number, number, number, number, number, number];

const startedAt = performance.now();
const say = (text: string): void => {
  process.stdout.write(`${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${text}\n`);
};

const startTally = (what: string, wanted: number): Tally => {
  let told = 0;
  const tally = createTally((done) => {
    if (done - told < 10 && done < wanted) return;
    told = done;
    say(`${what}: ${done} of ${wanted}, ${tally.failures().length} failed`);
  });
  return {
    ...tally,
    fail: (failure) => {
      tally.fail(failure);
      say(`FAILED ${failure.what}\n${failure.details.map((line) => `         ${line}`).join('\n')}`);
    },
  };
};

/**
 * Lives until so many deaths came to pass: first every single point of every step in its order, and where a step has no
 * more, two deaths in a row by chance.
 */
const soakCrashes = async ({ cluster }: Stage, recorded: readonly RecordedStep[]): Promise<Tally> => {
  const tally = startTally('crash points', crashes);
  const random = createRandom(seed);
  const points = listLifeCrashPoints(recorded);
  const scheduleOf = (life: number): CrashPoint[][] =>
    points.map((all) => {
      const single = all[life];
      if (single !== undefined) return [single];
      return all.length === 0 ? [] : [pick(all, random), pick(all, random)];
    });
  let life = from;
  const lead = async (): Promise<void> => {
    while (tally.passed() + tally.failures().length < crashes) {
      const number = life;
      life += 1;
      await runLifeWithCrashes(cluster, recorded, scheduleOf(number), `crash-${number}-soak`, tally);
    }
  };
  await inParallel(
    width,
    Array.from({ length: width }, () => lead),
  );
  say(`the next part: --from ${life}`);
  return tally;
};

const viewKinds: readonly StaleView['kind'][] = ['held', 'lagging', 'restarted', 'dropped'];

const soakStaleViews = async ({ cluster }: Stage, recorded: readonly RecordedStep[]): Promise<Tally> => {
  const tally = startTally('stale views', staleViews);
  let life = from;
  const lead = async (): Promise<void> => {
    while (tally.passed() + tally.failures().length < staleViews) {
      const number = life;
      life += 1;
      const kind = viewKinds[number % viewKinds.length] ?? 'held';
      const views = recorded.map((_, index) => ({ kind, seed: seed + 100 * number + index }));
      await runLifeWithStaleViews(cluster, recorded, views, `stale-${number}-soak`, tally);
    }
  };
  await inParallel(
    width,
    Array.from({ length: width }, () => lead),
  );
  say(`the next part: --from ${life}`);
  return tally;
};

const chainLength = 15;

/** The whole log of the operator at the end of a chain, which says more than a screen holds. @returns where it is. */
const keepLog = async (chainSeed: number, { log }: ChainError): Promise<string> => {
  const directory = path.join(import.meta.dirname, '../../build/soak');
  await mkdir(directory, { recursive: true });
  const file = path.join(directory, `chain-${chainSeed}.log`);
  await writeFile(file, log);
  return `the log of its operator is ${file}`;
};

const soakChains = async (stage: Stage): Promise<Tally> => {
  const tally = startTally('transitions', wantedTransitions);
  const fresh = createFreshStates(stage, 'soak');
  const chains = Math.ceil(wantedTransitions / chainLength);
  const tasks = Array.from({ length: chains }, (_, number) => async () => {
    const chainSeed = seed + number;
    const [chain = []] = sampleChains(chainSeed, 1, chainLength);
    try {
      await runChain(stage, fresh, chain, `chain-${number}-soak`);
      for (let count = 0; count < chainLength; count += 1) tally.pass();
    } catch (error) {
      const kept = error instanceof ChainError ? [await keepLog(chainSeed, error)] : [];
      const details = [...chain.map((one) => JSON.stringify(one)), ...String(error).split('\n'), ...kept];
      tally.fail({ what: `chain of seed ${chainSeed}`, details });
    }
  });
  await inParallel(width, tasks);
  return tally;
};

const fleetLength = 8;

const soakFleets = async (stage: Stage): Promise<Tally> => {
  const tally = startTally('fleets', wantedFleets);
  const tasks = Array.from({ length: wantedFleets }, (_, number) => async () => {
    const traffic = sampleFleetTraffic(seed + number, fleetLength);
    const details = await runFleet(stage, traffic, `fleet-${number}-soak`).catch((error: unknown) => [String(error)]);
    if (details.length === 0) tally.pass();
    else tally.fail({ what: `fleet of seed ${seed + number}: ${JSON.stringify(traffic)}`, details });
  });
  await inParallel(width, tasks);
  return tally;
};

say(`seed ${seed}`);
const stage = await startStage();
const tallies: Tally[] = [];
try {
  const recorded = crashes + staleViews === 0 ? [] : await recordLife(stage.cluster, tenantLife, 'recorded-life');
  if (crashes > 0) tallies.push(await soakCrashes(stage, recorded));
  if (staleViews > 0) tallies.push(await soakStaleViews(stage, recorded));
  if (wantedTransitions > 0) tallies.push(await soakChains(stage));
  if (wantedFleets > 0) tallies.push(await soakFleets(stage));
} finally {
  await stage.stop();
}
const passed = tallies.reduce((sum, tally) => sum + tally.passed(), 0);
const failed = tallies.reduce((sum, tally) => sum + tally.failures().length, 0);
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
