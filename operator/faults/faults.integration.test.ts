import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFreshStates, runChain } from './chain-suite.ts';
import { listLifeCrashPoints, type RecordedStep, recordLife, runLifeWithCrashes } from './crash-suite.ts';
import { spread } from './failpoint/crash-point.ts';
import type { StaleView } from './failpoint/stale-view.ts';
import { runFleet } from './fleet-suite.ts';
import { createTally } from './report/tally.ts';
import { runLifeWithRestarts } from './restart-suite.ts';
import { inParallel, type Stage, startStage } from './stage.ts';
import { runLifeWithStaleViews } from './stale-suite.ts';
import type { FleetTransition } from './traffic/fleet-traffic.ts';
import { shortChains } from './traffic/short-chains.ts';
import { tenantLife } from './traffic/tenant-life.ts';

/** Short forms: the same code as `make soak-operator`, which takes every point. */
describe('whatever happens to the operator, the end is as if nothing had', { timeout: 300_000 }, () => {
  /** Worlds at a time: most of a step is waiting for Kubernetes' controllers. */
  const width = 3;
  let stage: Stage;
  let recorded: readonly RecordedStep[];

  beforeAll(async () => {
    stage = await startStage();
    recorded = await recordLife(stage.cluster, tenantLife, 'recorded-life');
  }, 300_000);
  afterAll(() => stage?.stop());

  it('killed before and after writes of creating, changing and deleting a tenant', async () => {
    const lives = 5;
    const tally = createTally();
    const points = listLifeCrashPoints(recorded).map((all) => spread(all, lives));
    const tasks = Array.from({ length: lives }, (_, life) => async () => {
      const schedule = points.map((all) => all.slice(life, life + 1));
      await runLifeWithCrashes(stage.cluster, recorded, schedule, `crash-${life}-life`, tally);
    });
    await inParallel(width, tasks);
    expect(tally.failures()).toEqual([]);
    expect(tally.passed()).toBeGreaterThanOrEqual(20);
  });

  it('with a view of the cluster that is behind its own writes', async () => {
    const tally = createTally();
    const kinds: readonly StaleView['kind'][] = ['held', 'lagging', 'restarted', 'dropped'];
    const tasks = kinds.map((kind, number) => async () => {
      const views = recorded.map((_, index) => ({ kind, seed: 10 * number + index }));
      await runLifeWithStaleViews(stage.cluster, recorded, views, `stale-${kind}-life`, tally);
    });
    await inParallel(width, tasks);
    expect(tally.failures()).toEqual([]);
    expect(tally.passed()).toBe(kinds.length * recorded.length);
  });

  it('through random chains of changes and faults', async () => {
    const fresh = createFreshStates(stage, 'short');
    const failures: string[] = [];
    const tasks = shortChains.map((chain, number) => async () => {
      await runChain(stage, fresh, chain, `chain-${number}-short`).catch((error: unknown) => {
        failures.push(`${JSON.stringify(chain)}: ${error}`);
      });
    });
    await inParallel(width, tasks);
    expect(failures).toEqual([]);
  });

  it('with a fleet that follows it up and down by a version', async () => {
    const traffic: readonly FleetTransition[] = [
      { kind: 'upgrade' },
      { kind: 'advance' },
      { kind: 'storm', seed: 1 },
      { kind: 'change', tenant: 'beta', spec: { paused: true } },
      { kind: 'downgrade' },
      { kind: 'crash', write: 3, when: 'after' },
    ];
    expect(await runFleet(stage, traffic, 'fleet-short')).toEqual([]);
  });

  it('as ten processes that are killed one after the other', async () => {
    const deaths = {
      create: [
        { write: 2, when: 'after' },
        { write: 4, when: 'before' },
        { write: 7, when: 'after' },
        { write: 9, when: 'after' },
        { write: 12, when: 'before' },
      ],
      roll: [
        { write: 1, when: 'before' },
        { write: 2, when: 'after' },
      ],
      'delete, Delete': [
        { write: 1, when: 'after' },
        { write: 2, when: 'before' },
        { write: 2, when: 'after' },
      ],
    } as const;
    expect(Object.values(deaths).flat()).toHaveLength(10);
    expect(await runLifeWithRestarts(stage.cluster, recorded, deaths, 'restarts-life')).toEqual([]);
  });
});
