import { expect, it } from 'vitest';
import type { ApiCall } from '../../testing/fault-proxy/api-call.ts';
import { listCrashPoints, planCrash, spread } from './crash-point.ts';

it('has two crash points for each write', () => {
  expect(listCrashPoints(2)).toEqual([
    { write: 1, when: 'before' },
    { write: 1, when: 'after' },
    { write: 2, when: 'before' },
    { write: 2, when: 'after' },
  ]);
});

it('lets the operator die at that write, and counts neither reads nor the Lease', () => {
  const plan = planCrash({ write: 2, when: 'after' });
  const call = (verb: ApiCall['verb'], resource = 'secrets'): ApiCall => ({ verb, resource, name: 'one' });
  const faults = [call('create'), call('get'), call('update', 'leases'), call('apply'), call('apply')].map(plan);
  expect(faults).toEqual([undefined, undefined, undefined, { kind: 'kill-after' }, undefined]);
});

it.each([
  [[1, 2, 3, 4, 5, 6], 3, [1, 3, 5]],
  [[1, 2], 3, [1, 2]],
  [[], 3, []],
])('spreads %j to %i', (all, n, expected) => {
  expect(spread(all, n)).toEqual(expected);
});
