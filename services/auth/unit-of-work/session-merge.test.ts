import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FindResponse, StoredRecord } from '../../token-store/contract.ts';
import { planIntents } from './intents.ts';
import { mergeSessions, rebaseSessions } from './session-merge.ts';
import { createUnitOfWork, type Payload, type UnitOfWork } from './unit-of-work.ts';

const base: Payload = {
  jti: 's1',
  uid: 'u1',
  exp: 10,
  accountId: 'ada',
  loginTs: 5,
  authorizations: { shop: { sid: 'a', grantId: 'g1', families: ['g1'] } },
};
const authorize = (client: string, grantId: string): Payload => ({
  ...base,
  authorizations: {
    ...(base['authorizations'] as Record<string, unknown>), // of the literal above
    [client]: { sid: client, grantId, families: [grantId] },
  },
});

describe('mergeSessions', () => {
  it.each<[string, Payload, Payload, Payload]>([
    [
      'clients of both',
      authorize('news', 'g2'),
      authorize('mail', 'g3'),
      {
        authorizations: {
          shop: { sid: 'a', grantId: 'g1', families: ['g1'] },
          news: { sid: 'news', grantId: 'g2', families: ['g2'] },
          mail: { sid: 'mail', grantId: 'g3', families: ['g3'] },
        },
      },
    ],
    [
      'families of both, of one client',
      authorize('shop', 'g2'),
      authorize('shop', 'g3'),
      { authorizations: { shop: { sid: 'shop', grantId: 'g2', families: ['g3', 'g2'] } } },
    ],
    ['their newer login', { ...base, exp: 11 }, { ...base, loginTs: 7 }, { loginTs: 7, exp: 11 }],
    ['our newer login', { ...base, loginTs: 9 }, { ...base, loginTs: 7 }, { loginTs: 9 }],
    [
      'our account',
      { ...base, accountId: 'eve', authorizations: { a: {} } },
      base,
      { accountId: 'eve', authorizations: { a: {} } },
    ],
    ['their id when we keep ours', base, { ...base, jti: 's2' }, { jti: 's2' }],
    ['our new id', { ...base, jti: 's3' }, { ...base, jti: 's2' }, { jti: 's3' }],
    ['what they have begun', base, { ...base, state: { secret: 'x' } }, { state: { secret: 'x' } }],
    ['what we have begun', { ...base, state: { secret: 'y' } }, base, { state: { secret: 'y' } }],
  ])('has %s', (_name, ours, theirs, expected) => {
    expect(mergeSessions(base, ours, theirs)).toMatchObject(expected);
  });

  it('leaves out a client that we have signed out', () => {
    const { authorizations: _, ...ours } = base;
    expect(mergeSessions(base, ours, authorize('mail', 'g3'))['authorizations']).toEqual({
      mail: { sid: 'mail', grantId: 'g3', families: ['g3'] },
    });
  });

  it('signs nobody out whom they have signed in', () => {
    const { accountId: _, ...anonymous } = base;
    expect(mergeSessions(anonymous, { ...anonymous, exp: 12 }, base)).toMatchObject({ accountId: 'ada', exp: 12 });
  });

  it('loses no client and no family of either, whatever comes first', () => {
    const authorizations = fc.dictionary(
      fc.string({ minLength: 1 }).filter((name) => name !== '__proto__'),
      fc.record({ sid: fc.string(), families: fc.uniqueArray(fc.string(), { maxLength: 5 }) }),
    );
    fc.assert(
      fc.property(authorizations, authorizations, (left, right) => {
        const empty = { ...base, authorizations: {} };
        const merged = mergeSessions(empty, { ...base, authorizations: left }, { ...base, authorizations: right });
        const all = (merged['authorizations'] ?? {}) as typeof left; // of the generators above
        for (const [client, { families }] of [...Object.entries(left), ...Object.entries(right)]) {
          expect(all[client]?.families ?? []).toEqual(expect.arrayContaining(families));
        }
        expect(new Set(Object.keys(all))).toEqual(new Set([...Object.keys(left), ...Object.keys(right)]));
      }),
    );
  });

  it('changes nothing that nobody else has changed', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('exp', 'state', 'acr'), fc.integer()), (changes) => {
        expect(mergeSessions(base, { ...base, ...changes }, base)).toEqual({ ...base, ...changes });
      }),
    );
  });
});

describe('rebaseSessions', () => {
  const stored = (payload: Payload, version: number): StoredRecord => ({
    kind: 'session',
    id: String(payload['jti']),
    payload,
    version,
    expiresAt: '2030-01-01T00:00:00.000Z',
  });
  const startUnit = async (): Promise<UnitOfWork> => {
    const unit = createUnitOfWork(
      async () => ({ record: stored(base, 1), related: [] }),
      () => 0,
    );
    await unit.find('session', 'id', 's1');
    return unit;
  };
  const now = (payload: Payload) => async (): Promise<FindResponse> => ({ record: stored(payload, 4), related: [] });

  it('writes on top of the version that is there', async () => {
    const unit = await startUnit();
    unit.upsert({ kind: 'session', id: 's1', payload: authorize('news', 'g2'), expiresInSeconds: 60 });
    const rebased = await rebaseSessions(unit.staged, now(authorize('mail', 'g3')));
    expect(rebased && planIntents(rebased, { route: 'resume' })).toMatchObject([
      {
        operation: 'upsert',
        id: 's1',
        expectedVersion: 4,
        payload: { authorizations: { shop: {}, news: {}, mail: {} } },
      },
    ]);
  });

  it('ends under its new id a session that is signed out, with what it was given meanwhile', async () => {
    const unit = await startUnit();
    unit.destroy('session', 's1');
    const rebased = await rebaseSessions(unit.staged, now({ ...authorize('mail', 'g3'), jti: 's2' }));
    expect(rebased && planIntents(rebased, { route: 'end_session_confirm' })).toEqual([
      { operation: 'destroy', kind: 'session', id: 's2', uid: 'u1', expectedVersion: 4 },
      { operation: 'revoke_grant', grantId: 'g1' },
      { operation: 'revoke_grant', grantId: 'g3' },
    ]);
  });

  it('brings back no session that was signed out', async () => {
    const unit = await startUnit();
    unit.upsert({ kind: 'session', id: 's1', payload: base, expiresInSeconds: 60 });
    expect(await rebaseSessions(unit.staged, async () => ({ related: [] }))).toBeUndefined();
  });
});
