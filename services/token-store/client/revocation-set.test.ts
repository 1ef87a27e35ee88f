import { describe, expect, it } from 'vitest';
import { buildRevocationKeys } from './revocation-keys.ts';
import type { RevocationEntry, RevocationLine } from './revocation-lines.ts';
import { createRevocationSet } from './revocation-set.ts';

const keys = buildRevocationKeys({ jti: 'j', gid: 'g', client_id: 'shop', cep: 1 });
const [, grantKey = ''] = keys.entries.map((name) => name.split(' ')[1]);
const grant: RevocationEntry = ['grant', grantKey, 1_000];
const begin = (database = 'd:1', resumed = false): RevocationLine => ({ type: 'begin', database, resumed });
const entries = (list: RevocationEntry[], clients: [string, number][] = [], cursor = '5'): RevocationLine => ({
  type: 'entries',
  entries: list,
  clientEpochs: clients,
  cursor,
  ageMilliseconds: 0,
});
const ready = (cursor = '5', ageMilliseconds = 0): RevocationLine => ({ type: 'ready', cursor, ageMilliseconds });
const setOf = (...lines: RevocationLine[]) => {
  const set = createRevocationSet();
  for (const line of lines) set.apply(line, 0);
  return set;
};

describe('a set of revocations', () => {
  it('is ready with the first whole snapshot', () => {
    const set = setOf(begin(), entries([grant]));
    expect([set.isReady(), set.isRevoked(keys), set.position(), set.ageMilliseconds(0)]).toEqual([
      false,
      false,
      undefined,
      undefined,
    ]);
    set.apply(ready('7', 200), 1_000);
    expect([set.isReady(), set.isRevoked(keys), set.position()]).toEqual([
      true,
      true,
      { database: 'd:1', cursor: '7' },
    ]);
    expect(set.ageMilliseconds(1_500)).toBe(700);
  });

  it('knows tokens, grants, and clients below their epoch', () => {
    expect(setOf(begin(), ready()).isRevoked(keys)).toBe(false);
    const [tokenKey = ''] = keys.entries.map((name) => name.split(' ')[1]);
    expect(setOf(begin(), entries([['token', tokenKey, 1]]), ready()).isRevoked(keys)).toBe(true);
    expect(setOf(begin(), entries([['session', grantKey, 1]]), ready()).isRevoked(keys)).toBe(false);
    const clients = (epoch: number) => setOf(begin(), entries([], [['shop', epoch]]), ready());
    expect([clients(1).isRevoked(keys), clients(2).isRevoked(keys), clients(2).clientEpoch('shop')]).toEqual([
      false,
      true,
      2,
    ]);
  });

  it('knows keys of which nothing counts any more', () => {
    const signed = buildRevocationKeys({ kid: 'k', jti: 'j', client_id: 'shop' });
    const [, keyKey = ''] = (signed.entries.find((name) => name.startsWith('key ')) ?? '').split(' ');
    const set = setOf(begin(), entries([['key', keyKey, 1]]), ready());
    expect([set.isRevoked(signed), set.isKeyRevoked('k'), set.isKeyRevoked('other'), set.isRevoked(keys)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('goes on knowing while a new snapshot comes, and after half of one', () => {
    const set = setOf(begin(), entries([grant]), ready(), begin('d:2'), entries([]));
    expect(set.isRevoked(keys)).toBe(true);
    set.interrupt();
    set.apply({ type: 'heartbeat', cursor: '9', ageMilliseconds: 0 }, 0);
    expect([set.isRevoked(keys), set.position()]).toEqual([true, { database: 'd:1', cursor: '9' }]);
    for (const line of [begin('e:1'), ready('2')]) set.apply(line, 0);
    expect([set.isRevoked(keys), set.position()]).toEqual([false, { database: 'e:1', cursor: '2' }]);
  });

  it('goes on from where it was', () => {
    const set = setOf(begin(), entries([grant]), ready(), begin('d:1', true), ready('8'));
    expect([set.isRevoked(keys), set.position()]).toEqual([true, { database: 'd:1', cursor: '8' }]);
  });

  it('forgets what no token outlives', () => {
    const set = setOf(begin(), entries([grant]), ready());
    set.apply({ type: 'heartbeat', cursor: '5', ageMilliseconds: 0 }, 999_000);
    expect(set.size()).toBe(1);
    set.apply({ type: 'heartbeat', cursor: '5', ageMilliseconds: 0 }, 1_010_000);
    expect([set.size(), set.isRevoked(keys)]).toEqual([0, false]);
  });

  it('keeps what was revoked over a failover of its database, but takes epochs and cursor from the new primary', () => {
    const before = [begin('d:00000001'), entries([grant], [['shop', 2]]), ready('700')];
    const failedOver = setOf(...before, begin('d:00000002'), entries([], [['shop', 1]], '5'), ready('5'));
    expect([failedOver.isRevoked(keys), failedOver.clientEpoch('shop')]).toEqual([true, 1]);
    expect(failedOver.position()).toEqual({ database: 'd:00000002', cursor: '5' });
    const other = setOf(...before, begin('e:00000001'), ready('5'));
    expect([other.isRevoked(keys), other.size()]).toEqual([false, 0]);
    expect(setOf(begin(':00000001'), entries([grant]), ready(), begin(':00000002'), ready()).size()).toBe(0);
  });
});
