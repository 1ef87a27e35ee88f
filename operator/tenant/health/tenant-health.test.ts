import { describe, expect, it } from 'vitest';
import type { InternalState } from '../../../services/shared/contracts/internal-state.ts';
import { type HealthMemory, isDoubtful, nextHealth, nothingKnown, type PodState } from './tenant-health.ts';

const says = (
  component: PodState['component'],
  state: Pick<InternalState, 'database' | 'cache'> | undefined,
  ready = true,
): PodState => ({
  component,
  ready,
  ...(state === undefined ? {} : { state: { service: component, version: '1', ready, ...state } }),
});
const good = { reachable: true };
const lost = { reachable: false, error: 'ECONNREFUSED' };
const both = (database: InternalState['database']) => [says('auth', { database }), says('token-store', { database })];
const rounds = (...all: PodState[][]): HealthMemory => all.reduce(nextHealth, nothingKnown);

describe('what pods say of the database', () => {
  it('is told at once when it is good, and lost when two rounds say so', () => {
    expect(rounds(both(good)).health).toEqual({ database: good });
    expect(rounds(both(good), both(lost)).health).toEqual({ database: good });
    expect(isDoubtful(rounds(both(good), both(lost)))).toBe(true);
    expect(rounds(both(good), both(lost), both(lost)).health).toEqual({ database: lost });
    expect(rounds(both(good), both(lost), both(good), both(lost)).health).toEqual({ database: good });
    const again = rounds(both(lost), both(lost), both(good));
    expect([again.health, isDoubtful(again)]).toEqual([{ database: good }, false]);
  });

  it('is that of the service which does not reach it, and of ready pods before others', () => {
    const one = [says('auth', { database: lost }), says('token-store', { database: good })];
    expect(rounds(one, one).health).toEqual({ database: lost });
    const starting = [...both(good), says('auth', { database: lost }, false)];
    expect(rounds(starting, starting).health).toEqual({ database: good });
    const silent = [says('auth', undefined), says('token-store', { database: good })];
    expect(rounds(silent).health).toEqual({ database: good });
  });

  it('keeps the first code of a loss, but tells another kind of it', () => {
    const other = { reachable: false, error: '57P03' };
    expect(rounds(both(lost), both(lost), both(other), both(other)).health).toEqual({ database: lost });
    const changed = { reachable: false, error: 'DATABASE_CHANGED' };
    expect(rounds(both(lost), both(lost), both(changed)).health).toEqual({ database: lost });
    expect(rounds(both(lost), both(lost), both(changed), both(changed)).health).toEqual({ database: changed });
  });

  it('is forgotten when nobody answers any more, but a loss is not', () => {
    const nobody = [says('auth', undefined)];
    expect(rounds(both(good), nobody).health).toEqual({ database: good });
    const silent = rounds(both(good), nobody, nobody);
    expect([silent.health, isDoubtful(silent)]).toEqual([{ silent: true }, false]);
    const lostInSilence = rounds(both(lost), both(lost), nobody, nobody, nobody);
    expect([lostInSilence.health, isDoubtful(lostInSilence)]).toEqual([{ silent: true, database: lost }, true]);
    expect(nextHealth(lostInSilence, both(good)).health).toEqual({ database: good });
    expect(rounds(nobody, nobody, both(good)).health).toEqual({ database: good });
  });

  it('is good again when the service says so that lost it, and not when that is gone', () => {
    const one = [says('auth', { database: lost }), says('token-store', { database: good })];
    const other = [says('token-store', { database: good })];
    const gone = rounds(one, one, other, [...other, says('auth', undefined)]);
    expect([gone.health, isDoubtful(gone)]).toEqual([{ database: lost }, true]);
    expect(nextHealth(gone, [says('auth', { database: good })]).health).toEqual({ database: good });
  });
});

it('a cache is what the token-store says of it', () => {
  const round = [says('auth', { database: good }), says('token-store', { database: good, cache: lost })];
  expect(rounds(round).health).toEqual({ database: good });
  expect(rounds(round, round).health).toEqual({ database: good, cache: lost });
});
