import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OperatorRelease } from '../tenant/operator-release.ts';
import type { FleetTenant } from './fleet-tenant.ts';
import { nextTurns } from './next-turns.ts';

const release: OperatorRelease = {
  version: '0.3.0',
  image: 'identity-operator:0.3.0',
  databaseImage: 'postgres:18',
  previous: [{ version: '0.2.4', unknownSettings: {} }],
};
const now = new Date('2026-01-01T12:00:00Z');
const minutesAgo = (minutes: number) => now.getTime() - minutes * 60_000;

const tenant = (name: string, of: Partial<FleetTenant> = {}): FleetTenant => ({
  key: `shop/${name}`,
  metadata: { name, namespace: 'shop', uid: name, resourceVersion: '1' },
  wave: 0,
  pinned: false,
  paused: false,
  leaving: false,
  version: '0.2.4',
  targetVersion: undefined,
  ready: true,
  message: '',
  stalled: false,
  notReadySince: undefined,
  ...of,
});
const rolling = (name: string, of: Partial<FleetTenant> = {}) =>
  tenant(name, { targetVersion: '0.3.0', ready: false, notReadySince: minutesAgo(1), ...of });

const given = (tenants: readonly FleetTenant[], maxRolling = 5) =>
  nextTurns(tenants, release, maxRolling, now).give.map(
    ({ tenant: { metadata }, targetVersion }) => `${metadata.name}>${targetVersion}`,
  );
const names = (tenants: readonly FleetTenant[]) => tenants.map(({ metadata }) => metadata.name);

describe('whose turn it is', () => {
  it.each([
    ['nobody where all run the operator’s version', [tenant('a', { version: '0.3.0' })], []],
    ['nobody who has not run yet: a new tenant takes it by itself', [tenant('a', { version: undefined })], []],
    ['who is behind', [tenant('a'), tenant('b')], ['a>0.3.0', 'b>0.3.0']],
    ['not who pins', [tenant('a', { pinned: true }), tenant('b')], ['b>0.3.0']],
    ['not who is paused', [tenant('a', { paused: true }), tenant('b')], ['b>0.3.0']],
    ['not who was not Ready before', [tenant('a', { ready: false }), tenant('b')], ['b>0.3.0']],
    ['not who is being deleted', [tenant('a', { leaving: true })], []],
    ['the lower wave first', [tenant('a', { wave: 1 }), tenant('b')], ['b>0.3.0']],
    ['the next wave only when the lower is through', [tenant('a', { wave: 1 }), rolling('b')], []],
    [
      'the next wave though one of the lower cannot go',
      [tenant('a', { wave: 1 }), tenant('b', { ready: false })],
      ['a>0.3.0'],
    ],
    ['who is two versions behind, first and by one', [tenant('a'), tenant('b', { version: '0.1.7' })], ['b>0.2.4']],
    ['not who is three behind: there is no way', [tenant('a', { version: '0.0.9' })], []],
    ['who is ahead, after the operator was set back', [tenant('a', { version: '0.4.1' })], ['a>0.3.0']],
    [
      'who is ahead and not Ready: nobody else could repair it',
      [tenant('a', { version: '0.4.1', ready: false, notReadySince: minutesAgo(600) })],
      ['a>0.3.0'],
    ],
    ['not who is ahead and paused', [tenant('a', { version: '0.4.1', ready: false, paused: true })], []],
    [
      'who is ahead and Ready before one that is not',
      [tenant('a', { version: '0.4.1', ready: false }), tenant('b', { version: '0.4.1', wave: 7 })],
      ['b>0.3.0'],
    ],
    ['who lacks a patch', [tenant('a', { version: '0.3.0-rc.1' })], ['a>0.3.0']],
    ['nobody while one fails', [tenant('a'), rolling('b', { stalled: true })], []],
    [
      'nobody while one takes longer than anything takes',
      [tenant('a'), rolling('b', { notReadySince: minutesAgo(31) })],
      [],
    ],
    ['others when the failed one is pinned', [tenant('a'), rolling('b', { stalled: true, pinned: true })], ['a>0.3.0']],
    ['others when the failed one is paused', [tenant('a'), rolling('b', { stalled: true, paused: true })], ['a>0.3.0']],
  ] as const)('%s', (_case, tenants, expected) => {
    expect(given(tenants)).toEqual(expected);
  });

  it('ends when the version runs and the tenant is Ready, not before', () => {
    const done = tenant('done', { version: '0.3.0', targetVersion: '0.3.0' });
    const early = rolling('early', { ready: true, notReadySince: undefined });
    const unpinned = rolling('pinned', { pinned: true });
    const ofAnother = rolling('of-another-operator', { targetVersion: '0.5.0' });
    const { end, rolling: on } = nextTurns([done, early, unpinned, ofAnother], release, 5, now);
    expect([names(end), names(on)]).toEqual([['done', 'pinned', 'of-another-operator'], ['early']]);
  });

  it.each([
    ['of an earlier patch, also one that fails, goes on to the patch that may mend it', '0.3.0-rc.1', ['a>0.3.0']],
    ['of a later patch, after the operator was set back, comes back', '0.3.7', ['a>0.3.0']],
    ['to the minor version between goes on to its last patch', '0.2.1', ['a>0.2.4']],
    ['of this very operator stays', '0.3.0', []],
    ['of a version that this operator cannot run is not redirected, but ends', '0.5.0', []],
  ] as const)('%s', (_case, targetVersion, expected) => {
    const failing = rolling('a', { version: '0.1.7', targetVersion, stalled: true });
    const turns = nextTurns([failing, tenant('b')], release, 5, now);
    expect(turns.redirect.map((one) => `${one.tenant.metadata.name}>${one.targetVersion}`)).toEqual(expected);
  });

  it('fails nobody who was not Ready before it, and holds up no wave', () => {
    const broken = rolling('broken', { version: '0.4.1', stalled: true, notReadySince: minutesAgo(600) });
    const others = [broken, tenant('next', { wave: 3 })];
    const knowing = nextTurns(others, release, 5, now, new Set(['broken']));
    expect([names(knowing.failed), knowing.give.map(({ tenant: one }) => one.metadata.name)]).toEqual([[], ['next']]);
    const another = nextTurns(others, release, 5, now);
    expect([names(another.failed), another.give]).toEqual([['broken'], []]);
  });

  it('is looked at again when patience ends', () => {
    expect(nextTurns([rolling('a', { notReadySince: minutesAgo(20) })], release, 5, now).lookAgainMilliseconds).toBe(
      600_000,
    );
  });
});

describe('for every fleet', () => {
  const arbitraryTenant = fc.record({
    wave: fc.integer({ min: 0, max: 2 }),
    pinned: fc.boolean(),
    paused: fc.boolean(),
    version: fc.constantFrom('0.1.0', '0.2.4', '0.3.0', undefined),
    targetVersion: fc.constantFrom(undefined, undefined, '0.2.1', '0.2.4', '0.3.0'),
    ready: fc.boolean(),
    stalled: fc.constantFrom(false, false, false, true),
  });
  const fleet = fc
    .array(arbitraryTenant, { maxLength: 12 })
    .map((tenants) =>
      tenants.map((of, index) => tenant(`t${index}`, { ...of, notReadySince: of.ready ? undefined : minutesAgo(1) })),
    );

  it('no more have their turn than may, and none that pins, is paused, or is not Ready where it could be, gets one', () => {
    fc.assert(
      fc.property(fleet, fc.integer({ min: 1, max: 4 }), (tenants, maxRolling) => {
        const turns = nextTurns(tenants, release, maxRolling, now);
        if (turns.give.length > 0) expect(turns.rolling.length + turns.give.length).toBeLessThanOrEqual(maxRolling);
        for (const { tenant: one } of turns.give)
          expect([one.pinned, one.paused, one.ready || one.version === '0.1.0']).toEqual([false, false, true]);
        expect(
          new Set(turns.give.map(({ tenant: one }) => `${one.wave} ${one.version === '0.1.0'}`)).size,
        ).toBeLessThanOrEqual(1);
        if (turns.failed.length > 0) expect(turns.give).toEqual([]);
      }),
    );
  });

  it('where every turn succeeds, all that may follow do', () => {
    fc.assert(
      fc.property(fleet, fc.integer({ min: 1, max: 4 }), (tenants, maxRolling) => {
        let state = tenants.map((one) => ({ ...one, ready: true, stalled: false, notReadySince: undefined }));
        for (let round = 0; round < 60; round += 1) {
          const { give, redirect, end } = nextTurns(state, release, maxRolling, now);
          const turn = new Map(
            [...redirect, ...give].map(({ tenant: one, targetVersion }) => [one.key, targetVersion]),
          );
          const ended = new Set(end.map(({ key }) => key));
          state = state.map((one) => {
            if (ended.has(one.key)) return { ...one, targetVersion: undefined };
            const targetVersion = turn.get(one.key);
            if (targetVersion !== undefined) return { ...one, targetVersion };
            return one.targetVersion === undefined || one.paused ? one : { ...one, version: one.targetVersion };
          });
        }
        for (const one of state) {
          if (!one.pinned && !one.paused && one.version !== undefined) expect(one.version).toBe('0.3.0');
        }
      }),
    );
  });
});
