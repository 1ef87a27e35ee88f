import { expect, it } from 'vitest';
import type { TenantReason } from '../../api/conditions.ts';
import { nextReferenceCheck } from './reference-verdicts.ts';

const minute = 60_000;
const next = (reason: TenantReason, unresolvedFor: number, status: 'True' | 'False' = 'False') =>
  nextReferenceCheck({ type: 'ReferencesResolved', status, reason, message: '' }, unresolvedFor);

it.each<[string, TenantReason, number, number]>([
  ['a missing reference at the end of its patience', 'SecretNotFound', 20_000, 40_000],
  ['and every five minutes then', 'SecretNotFound', 2 * minute, 5 * minute],
  ['a name that was just found taken, soon', 'NameTaken', 0, 10_000],
  ['one that has been taken for a while, after as long', 'NameTaken', 2 * minute, 2 * minute],
  ['and every five minutes at most', 'NameTaken', 24 * 60 * minute, 5 * minute],
  ['by a clock that was set back', 'NameTaken', -minute, 10_000],
  ['what is on its way out, at once', 'Waiting', 24 * 60 * minute, 1_000],
])('looks again at %s', (_what, reason, unresolvedFor, expected) => {
  expect(next(reason, unresolvedFor)).toBe(expected);
});

it('does not look again at what is there', () => {
  expect(next('Resolved', 0, 'True')).toBeUndefined();
});
