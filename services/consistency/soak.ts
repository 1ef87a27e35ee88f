// node services/consistency/soak.ts [--races N] [--width N] [--seed N] [--calm]: races over real processes that are killed
// all the while (not with --calm); closes with `N passed, N failed`.
import { parseArgs } from 'node:util';
import { startTrouble } from './failpoint/trouble.ts';
import { prepareAccount, runRaces } from './race-suite.ts';
import { startStage } from './stage.ts';
import { countForkedFamilies } from './validate/forked-families.ts';

const { values } = parseArgs({
  options: {
    races: { type: 'string', default: '100000' },
    width: { type: 'string', default: '6' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    calm: { type: 'boolean', default: false },
  },
});
const [races, width, seed] = [Number(values.races), Number(values.width), Number(values.seed)];

const startedAt = performance.now();
const say = (text: string): void => {
  process.stdout.write(`${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${text}\n`);
};

say(`seed ${seed}`);
const stage = await startStage();
try {
  await prepareAccount(stage);
  const trouble = values.calm ? undefined : startTrouble(stage, Math.random);
  let told = 0;
  const { faults, counts } = await runRaces(stage, {
    seed,
    races,
    width,
    ways: values.calm ? 'sound' : 'lossy',
    onRace: (done, found) => {
      for (const fault of found.slice(told)) say(`FAILED race ${fault.seed}\n${fault.details.join('\n')}`);
      told = found.length;
      if (done % 100 === 0 || done === races) say(`${done} of ${races} races, ${found.length} failed`);
    },
    // Why somebody did not come back says more than that nobody was there.
  }).finally(() => trouble?.stop());
  for (const line of counts.lines()) say(line);
  if (trouble !== undefined) say(`${trouble.counts.kills} kills, answers lost ${trouble.counts.losses} times`);
  const forked = await countForkedFamilies(stage.fixture.store.databaseUrl);
  if (forked > 0) say(`FAILED ${forked} families have more than one usable refresh token`);
  const failed = faults.length + forked;
  process.stdout.write(`\n${races - faults.length} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await stage.stop();
}
