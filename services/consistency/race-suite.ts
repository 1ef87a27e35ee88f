import { setTimeout as delay } from 'node:timers/promises';
import { shop, shopSecret } from '../auth/testing/auth-fixture.ts';
import { ada, discover, register, startAuthorization } from '../auth/testing/relying-party.ts';
import type { Ways } from './model/family.ts';
import { createOutcomeCounts, type OutcomeCounts } from './report/outcome-counts.ts';
import type { Stage } from './stage.ts';
import { type FamilyClient, openFamily, parameters } from './traffic/family-client.ts';
import { sampleRace } from './traffic/race.ts';
import { runRace } from './traffic/run-race.ts';
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

/** A killed process is back after about a second, ms. */
const signInDeadline = 60_000;
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
      const history = await runRace(await openPatiently(stage), sampleRace(seed));
      counts.add(history);
      const details = findFamilyFault(history, ways);
      if (details !== undefined) faults.push({ seed, details });
      done += 1;
      onRace?.(done, faults);
    }
  };
  await Promise.all(Array.from({ length: width }, lead));
  return { faults, counts };
};
