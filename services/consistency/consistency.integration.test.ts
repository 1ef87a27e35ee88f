import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTrouble } from './failpoint/trouble.ts';
import { prepareAccount, runRaces } from './race-suite.ts';
import { type Stage, startStage } from './stage.ts';
import { countForkedFamilies } from './validate/forked-families.ts';

// The short form of `make soak-consistency`.
const races = 1_000;
const width = 6;

let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
  await prepareAccount(stage);
});
afterAll(() => stage?.stop());

describe('races over two auth and two token-store processes', () => {
  it('have one winner each, and nothing outlives its family', async () => {
    const { faults, counts } = await runRaces(stage, { seed: 1, races, width });
    expect(faults).toEqual([]);
    // Everything that can happen did.
    for (const [action, outcome] of [
      ['exchange', 'issued'],
      ['exchange', 'refused'],
      ['refresh', 'issued'],
      ['refresh', 'refused'],
      ['revoke', 'revoked'],
      ['introspect', 'inactive'],
      ['proof', 'won'],
      ['device_code', 'won'],
      ['pushed_request', 'won'],
      ['account disabled', 'over'],
      ['client deleted', 'over'],
    ] as const)
      expect(counts.of(action, outcome), `${action} ${outcome}`).toBeGreaterThan(0);
    expect(await countForkedFamilies(stage.fixture.store.databaseUrl)).toBe(0);
  }, 600_000);

  it('do so too while processes are killed and answers get lost', async () => {
    const trouble = startTrouble(stage, Math.random);
    const { faults, counts } = await runRaces(stage, { seed: 10_001, races, width, ways: 'lossy' }).finally(() =>
      trouble.stop(),
    );
    expect(faults).toEqual([]);
    expect(trouble.counts.kills).toBeGreaterThan(0);
    expect(trouble.counts.losses).toBeGreaterThan(0);
    expect(counts.of('refresh', 'unknown')).toBeGreaterThan(0);
    expect(await countForkedFamilies(stage.fixture.store.databaseUrl)).toBe(0);
  }, 600_000);
});
