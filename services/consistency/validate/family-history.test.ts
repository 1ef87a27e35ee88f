import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FamilyState, newFamily, stepFamily, unused } from '../model/family.ts';
import type { FamilyAction, FamilyOperation, FamilyOutcome } from '../model/operation.ts';
import { findFamilyFault } from './family-history.ts';

const exchange: FamilyAction = { kind: 'exchange' };
const revoke: FamilyAction = { kind: 'revoke' };
const introspect: FamilyAction = { kind: 'introspect' };
const refresh = (token: string): FamilyAction => ({ kind: 'refresh', token });
const inspect = (token: string): FamilyAction => ({ kind: 'inspect', token });
const issued = (token: string): FamilyOutcome => ({ kind: 'issued', token });
const [refused, revoked, active, inactive, unknown] = (
  ['refused', 'revoked', 'active', 'inactive', 'unknown'] as const
).map((kind): FamilyOutcome => ({ kind })) as [
  FamilyOutcome,
  FamilyOutcome,
  FamilyOutcome,
  FamilyOutcome,
  FamilyOutcome,
];

type Step = readonly [FamilyAction, FamilyOutcome];

/** One after another. */
const inSequence = (...steps: readonly Step[]): FamilyOperation[] =>
  steps.map(([action, outcome], index) => ({
    action,
    outcome,
    start: 2 * index,
    end: outcome.kind === 'unknown' ? Number.POSITIVE_INFINITY : 2 * index + 1,
  }));

/** All at once, after what came in sequence. */
const together = (before: readonly Step[], ...steps: readonly Step[]): FamilyOperation[] => [
  ...inSequence(...before),
  ...steps.map(([action, outcome]) => ({ action, outcome, start: 1_000, end: 1_001 })),
];

const begun: Step = [exchange, issued('a')];

describe('findFamilyFault', () => {
  it.each<[string, FamilyOperation[]]>([
    ['an ordinary life', inSequence(begun, [refresh('a'), issued('b')], [inspect('b'), active], [revoke, revoked])],
    ['a race for the code', together([], begun, [exchange, refused], [exchange, refused])],
    ['a race for a token', together([begun], [refresh('a'), issued('b')], [refresh('a'), refused])],
    ['the same answer twice', together([begun], [refresh('a'), issued('b')], [refresh('a'), issued('b')])],
    ['an answer that got lost', inSequence(begun, [refresh('a'), unknown], [refresh('a'), issued('b')])],
    ['a refresh beside a revocation', together([begun], [refresh('a'), issued('b')], [revoke, revoked])],
    ['a revocation beside a refresh', together([begun], [refresh('a'), refused], [revoke, revoked])],
    [
      'a replay that ends the family',
      inSequence(
        begun,
        [refresh('a'), issued('b')],
        [refresh('b'), issued('c')],
        [refresh('a'), refused],
        [refresh('c'), refused],
      ),
    ],
    ['an exchange without an answer that never was', inSequence([exchange, unknown], begun)],
    ['an exchange without an answer that was', inSequence([exchange, unknown], [exchange, refused])],
  ])('accepts %s', (_, history) => {
    expect(findFamilyFault(history)).toBeUndefined();
  });

  it.each<[string, FamilyOperation[]]>([
    ['two winners of one code', together([], begun, [exchange, issued('b')])],
    ['two successors of one token', together([begun], [refresh('a'), issued('b')], [refresh('a'), issued('c')])],
    ['a code that nobody gets', together([], [exchange, refused], [exchange, refused])],
    ['a token that nobody gets', together([begun], [refresh('a'), refused], [refresh('a'), refused])],
    ['a refresh after a revocation', inSequence(begun, [revoke, revoked], [refresh('a'), issued('b')])],
    ['an exchange after a revocation', inSequence([revoke, revoked], begun)],
    ['an access token that lives on', inSequence(begun, [revoke, revoked], [introspect, active])],
    ['a family that comes back', inSequence(begun, [introspect, inactive], [introspect, active])],
    ['a used token that still counts', inSequence(begun, [refresh('a'), issued('b')], [inspect('a'), active])],
    ['a good token that does not count', inSequence(begun, [inspect('a'), inactive])],
    ['a token out of nowhere', inSequence(begun, [refresh('x'), issued('b')])],
    ['another answer to a lost one', inSequence(begun, [refresh('a'), issued('b')], [refresh('a'), issued('c')])],
    [
      'an old answer when its token is used',
      inSequence(begun, [refresh('a'), issued('b')], [refresh('b'), issued('c')], [refresh('a'), issued('b')]),
    ],
    [
      'a replay that ends nothing',
      inSequence(
        begun,
        [refresh('a'), issued('b')],
        [refresh('b'), issued('c')],
        [refresh('a'), refused],
        [refresh('c'), issued('d')],
      ),
    ],
    [
      'a revocation without an answer, seen and unseen',
      inSequence(begun, [revoke, unknown], [introspect, inactive], [refresh('a'), issued('b')]),
    ],
  ])('refuses %s', (_, history) => {
    expect(findFamilyFault(history)).toBeDefined();
  });

  it('where answers get lost: a code that nobody gets is no fault when several presented it, and is one of one alone', () => {
    const nobody = together([], [exchange, refused], [exchange, refused]);
    expect(findFamilyFault(nobody, 'lossy')).toBeUndefined();
    expect(findFamilyFault([...nobody, ...inSequence([introspect, active])], 'lossy')).toBeUndefined();
    const late = { action: introspect, outcome: active, start: 2_000, end: 2_001 };
    expect(findFamilyFault([...nobody, late], 'lossy')).toBeDefined();
    expect(findFamilyFault(inSequence([exchange, refused]), 'lossy')).toBeDefined();
  });

  it('says what cannot be explained, and no token', () => {
    const history = inSequence(
      [exchange, issued('secret-1')],
      [revoke, revoked],
      [refresh('secret-1'), issued('secret-2')],
    );
    expect(findFamilyFault(history)).toEqual([
      'no order of these gives what was answered (! what is left over):',
      '  0.0-1.0 ms: exchange -> issued t0',
      '  2.0-3.0 ms: revoke -> revoked',
      '! 4.0-5.0 ms: refresh t0 -> issued t1',
    ]);
  });

  const outcomesOf = (state: FamilyState, action: FamilyAction, fresh: string): FamilyOutcome[] => {
    const use = action.kind === 'refresh' ? state.tokens.get(action.token) : undefined;
    const again = typeof use === 'string' ? [issued(use)] : [];
    return [issued(fresh), ...again, refused, revoked, active, inactive, unknown].filter(
      (outcome) => stepFamily(state, action, outcome).length > 0,
    );
  };

  /** A life that the model allows, each action at one moment, told by somebody who saw it begin earlier and end later. */
  const lives = fc
    .array(
      fc.record({
        kind: fc.constantFrom('exchange', 'refresh', 'refresh', 'inspect', 'revoke', 'introspect'),
        pick: fc.nat(1_000),
        early: fc.integer({ min: 0, max: 25 }),
        late: fc.integer({ min: 0, max: 25 }),
      }),
      { minLength: 1, maxLength: 12 },
    )
    .map((choices) => {
      let state = newFamily;
      return choices.map(({ kind, pick, early, late }, index): FamilyOperation => {
        const tokens = [...state.tokens.keys()];
        const token = tokens[pick % Math.max(1, tokens.length)] ?? 'none';
        const action = (kind === 'refresh' || kind === 'inspect' ? { kind, token } : { kind }) as FamilyAction;
        const outcomes = outcomesOf(state, action, `t${index}`);
        const outcome = outcomes[pick % outcomes.length] ?? unknown;
        const next = stepFamily(state, action, outcome);
        state = next[pick % next.length] ?? state;
        const moment = 10 * index;
        const end = outcome.kind === 'unknown' ? Number.POSITIVE_INFINITY : moment + late;
        return { action, outcome, start: moment - early, end };
      });
    });

  it('accepts whatever the model can do, however it overlaps', () => {
    fc.assert(fc.property(lives, (history) => findFamilyFault(history) === undefined));
  });

  it('refuses a second winner wherever it appears', () => {
    fc.assert(
      fc.property(lives, fc.nat(1_000), (history, pick) => {
        const winners = history.filter(({ outcome }) => outcome.kind === 'issued');
        fc.pre(winners.length > 0);
        const winner = winners[pick % winners.length];
        if (winner === undefined) return false;
        const second = { ...winner, outcome: issued('fork') };
        return findFamilyFault([...history, second]) !== undefined;
      }),
    );
  });

  it('refuses whatever is issued after the end', () => {
    fc.assert(
      fc.property(lives, (history) => {
        const after = Math.max(...history.map(({ end, start }) => (Number.isFinite(end) ? end : start))) + 1;
        const end: FamilyOperation = { action: revoke, outcome: revoked, start: after, end: after + 1 };
        const token = history.flatMap(({ outcome }) => (outcome.kind === 'issued' ? [outcome.token] : [])).at(-1);
        const late = token === undefined ? exchange : refresh(token);
        const operation = { action: late, outcome: issued('late'), start: after + 2, end: after + 3 };
        return findFamilyFault([...history, end, operation]) !== undefined;
      }),
    );
  });
});

it('keeps what was never used apart from what was', () => {
  expect(stepFamily(newFamily, exchange, issued('a'))[0]?.tokens.get('a')).toBe(unused);
});
