import { expect, it } from 'vitest';
import { findFeedFaults } from './feed-history.ts';

const set = (...tokens: string[]) => new Set(tokens);
const faultsOf = (...looks: ReadonlySet<string>[]) =>
  findFeedFaults({ acknowledged: set('a', 'b'), unknown: set('u'), looks: new Map([['gateway', looks]]) });

it('a feed tells what was acknowledged, and may tell what nobody got an answer to', () => {
  expect(faultsOf(set(), set('b'), set('a', 'b'))).toEqual([]);
  expect(faultsOf(set('u'), set('a', 'b', 'u'))).toEqual([]);
});

it('a feed loses, invents and forgets nothing', () => {
  expect(faultsOf(set('a'))).toEqual(['gateway was never told of b']);
  expect(faultsOf()).toHaveLength(2);
  expect(faultsOf(set('a', 'b', 'x'))).toEqual(['gateway takes x for revoked, which nobody has asked for']);
  expect(faultsOf(set('a'), set('b'), set('a', 'b'))).toEqual(['gateway has forgotten a']);
});
