import { expect, it } from 'vitest';
import type { RecordedCall } from '../../testing/fault-proxy.ts';
import { buildLedger, compareLedgers, compareMakings } from './ledger.ts';

const call = (
  verb: RecordedCall['verb'],
  name: string,
  status?: number,
  more: Partial<RecordedCall> = {},
): RecordedCall => ({
  verb,
  resource: 'secrets',
  name,
  ...(status === undefined ? {} : { status }),
  ...more,
});

it('counts what was done: an apply that made an object is a creation, and what was refused or not heard of is nothing', () => {
  const calls = [
    call('apply', 'made', 201),
    call('apply', 'made', 200),
    call('create', 'refused', 409),
    call('create', 'unheard'),
    call('delete', 'gone', 200),
    call('delete', 'never-there', 404),
    call('get', 'read', 200),
    call('apply', 'acme', 200, { resource: 'identitytenants', subresource: 'status' }),
    call('create', 'acme.1', 201, { resource: 'events' }),
  ];
  expect(buildLedger(calls)).toEqual({ 'apply secrets/made': 1, 'create secrets/made': 1, 'delete secrets/gone': 1 });
});

it('gives names the same spelling in every run', () => {
  const job = call('apply', 'acme-migrate-0123456789', 201, { resource: 'jobs' });
  expect(buildLedger([job])).toEqual({ 'create jobs/acme-migrate-<hash>': 1 });
});

it('takes an object that was made twice, or not at all, for a deviation, whoever compares', () => {
  const expected = { 'create secrets/keys': 1, 'create secrets/certificate': 1 };
  for (const compare of [compareLedgers, compareMakings])
    expect(compare(expected, { 'create secrets/keys': 2 })).toEqual([
      'create secrets/keys: 2 times instead of 1',
      'create secrets/certificate: 0 times instead of 1',
    ]);
});

it('takes a further write of what is there for a deviation only where that is asked, and a missing one never', () => {
  const expected = { 'apply deployments/auth': 1, 'apply deployments/gateway': 1 };
  const found = { 'apply deployments/auth': 2 };
  expect(compareLedgers(expected, found)).toEqual(['apply deployments/auth: 2 times instead of 1']);
  expect(compareMakings(expected, found)).toEqual([]);
});
