import { setTimeout as delay } from 'node:timers/promises';
import { shop, shopSecret } from '../auth/testing/auth-fixture.ts';
import { ada, discover, register, startAuthorization } from '../auth/testing/relying-party.ts';
import type { Ways } from './model/family.ts';
import { findSingleUseFault, type SingleUse, singleUses } from './model/single-use.ts';
import { createOutcomeCounts, type OutcomeCounts } from './report/outcome-counts.ts';
import type { Stage } from './stage.ts';
import type { Ending } from './traffic/ending.ts';
import { runEndingRace } from './traffic/ending-race.ts';
import { type FamilyClient, openFamily, parameters } from './traffic/family-client.ts';
import { sampleRace } from './traffic/race.ts';
import { runRace } from './traffic/run-race.ts';
import { runSingleUseRace } from './traffic/single-use-race.ts';
import { findFamilyFault } from './validate/family-history.ts';

/** A race whose history cannot be explained. */
export type RaceFault = { readonly seed: number; readonly details: readonly string[] };

export type RaceSuiteOptions = {
  /** The first race's; the others follow one by one. */
  readonly seed: number;
  readonly races: number;
  /** How many races run at a time. */
  readonly width: number;
  /** `lossy` while processes are killed and answers get lost. */
  readonly ways?: Ways;
  readonly onRace?: (done: number, faults: readonly RaceFault[]) => void;
};

/** Makes the account that all races sign in with. */
export const prepareAccount = async (stage: Stage): Promise<void> => {
  const browser = stage.browser();
  const { url } = await startAuthorization(await discover(stage.send, shop, shopSecret), parameters);
  await register(browser, await browser.open(url), ada);
};

/** A killed process is back after about a second, on a machine with nothing else to do, ms. */
const signInDeadline = 180_000;
const signInPause = 50;

/** While processes die a sign-in may find nobody; whoever signs in tries again. */
const openPatiently = async (stage: Stage): Promise<FamilyClient> => {
  const deadline = performance.now() + signInDeadline;
  for (;;) {
    try {
      return await openFamily(stage);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(signInPause);
    }
  }
};

const endings: readonly Ending[] = ['account disabled', 'client deleted', 'signed out everywhere'];

/** What the race of a seed is about: mostly a family of tokens. */
type Subject =
  | { readonly kind: 'family' }
  | { readonly kind: 'single use'; readonly what: SingleUse }
  | { readonly kind: 'ending'; readonly ending: Ending };

const subjectOf = (seed: number): Subject => {
  const ending = endings[Math.floor(seed / 100) % endings.length];
  if (seed % 100 === 0 && ending !== undefined) return { kind: 'ending', ending };
  const what = singleUses[Math.floor(seed / 10) % singleUses.length];
  return seed % 10 === 5 && what !== undefined ? { kind: 'single use', what } : { kind: 'family' };
};

/** The race of a seed; why what its clients saw cannot be. */
const runOne = async (
  stage: Stage,
  { seed, ways = 'sound' }: { readonly seed: number; readonly ways?: Ways | undefined },
  counts: OutcomeCounts,
): Promise<readonly string[] | undefined> => {
  const subject = subjectOf(seed);
  switch (subject.kind) {
    case 'family': {
      const history = await runRace(await openPatiently(stage), sampleRace(seed));
      counts.add(history.map(({ action, outcome }) => [action.kind, outcome.kind]));
      return findFamilyFault(history, ways);
    }
    case 'single use': {
      const outcomes = await runSingleUseRace(stage, subject.what);
      counts.add(outcomes.map((outcome) => [subject.what, outcome]));
      const fault = findSingleUseFault(subject.what, outcomes, ways);
      return fault === undefined ? undefined : [fault];
    }
    case 'ending': {
      const living = await runEndingRace(stage, subject.ending, Math.random);
      counts.add([[subject.ending, living.length === 0 ? 'over' : 'not over']]);
      return living.length === 0 ? undefined : living;
    }
  }
};

/** Runs races and judges what their clients saw. */
export const runRaces = async (
  stage: Stage,
  { seed: first, races, width, ways, onRace }: RaceSuiteOptions,
): Promise<{ readonly faults: readonly RaceFault[]; readonly counts: OutcomeCounts }> => {
  const counts = createOutcomeCounts();
  const faults: RaceFault[] = [];
  let begun = 0;
  let done = 0;
  const lead = async (): Promise<void> => {
    while (begun < races) {
      const seed = first + begun;
      begun += 1;
      const details = await runOne(stage, { seed, ways }, counts);
      if (details !== undefined) faults.push({ seed, details });
      done += 1;
      onRace?.(done, faults);
    }
  };
  await Promise.all(Array.from({ length: width }, lead));
  return { faults, counts };
};
