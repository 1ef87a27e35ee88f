import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FindResponse, Intent, StoredRecord } from '../../token-store/contract.ts';
import { planIntents, splitIntents } from './intents.ts';
import { createUnitOfWork, type UnitOfWork } from './unit-of-work.ts';

const expiresAt = '2030-01-01T00:00:00.000Z';
const grant: StoredRecord = { kind: 'grant', id: 'g1', payload: { jti: 'g1', accountId: 'ada' }, expiresAt };
const session: StoredRecord = {
  kind: 'session',
  id: 's1',
  payload: { jti: 's1', uid: 'u1', authorizations: { shop: { families: ['g1', 'g2'] }, news: { families: ['g3'] } } },
  expiresAt,
};
const code: StoredRecord = { kind: 'authorization_code', id: 'c1', payload: { jti: 'c1', grantId: 'g1' }, expiresAt };

const startUnit = (responses: Record<string, FindResponse> = {}): { unit: UnitOfWork; reads: string[] } => {
  const reads: string[] = [];
  const unit = createUnitOfWork(
    async ({ kind, by, value }) => {
      reads.push(`${kind} ${by} ${value}`);
      return responses[`${kind} ${by} ${value}`] ?? { related: [] };
    },
    () => 1000,
  );
  return { unit, reads };
};

const operations = (intents: readonly Intent[]): string[] =>
  intents.map((intent) => {
    if (intent.operation === 'revoke_grant') return `revoke ${intent.grantId}`;
    if (intent.operation === 'use_once') return `use ${intent.id}`;
    if (intent.operation === 'enqueue') return `enqueue ${intent.key}`;
    return `${intent.operation} ${intent.kind} ${intent.id}`;
  });

describe('createUnitOfWork', () => {
  it('answers from what an earlier read brought along, by id and by second key', async () => {
    const { unit, reads } = startUnit({ 'authorization_code id c1': { record: code, related: [grant, session] } });
    expect(await unit.find('authorization_code', 'id', 'c1')).toEqual(code.payload);
    expect(await unit.find('grant', 'id', 'g1')).toEqual(grant.payload);
    expect(await unit.find('session', 'uid', 'u1')).toEqual(session.payload);
    expect(reads).toEqual(['authorization_code id c1']);
  });

  it('sees staged writes, consumes, destroys and revocations', async () => {
    const { unit } = startUnit({ 'authorization_code id c1': { record: code, related: [grant] } });
    unit.consume('authorization_code', 'c1');
    expect(await unit.find('authorization_code', 'id', 'c1')).toMatchObject({ consumed: 1000 });
    unit.upsert({ kind: 'session', id: 's9', payload: { uid: 'u9' }, expiresInSeconds: 60 });
    expect(await unit.find('session', 'uid', 'u9')).toEqual({ uid: 'u9' });
    unit.destroy('session', 's9');
    expect(await unit.find('session', 'id', 's9')).toBeUndefined();
    unit.revokeGrant('g1');
    expect(await unit.find('authorization_code', 'id', 'c1')).toBeUndefined();
    expect(await unit.find('grant', 'id', 'g1')).toBeUndefined();
  });

  it('hands out copies', async () => {
    const { unit } = startUnit({ 'grant id g1': { record: grant, related: [] } });
    const found = await unit.find('grant', 'id', 'g1');
    if (found !== undefined) found['accountId'] = 'eve';
    expect(await unit.find('grant', 'id', 'g1')).toEqual(grant.payload);
  });

  it('tells when a record was consumed in epoch seconds', async () => {
    const used = { ...code, consumedAt: '1970-01-01T00:10:00.000Z' };
    const { unit } = startUnit({ 'authorization_code id c1': { record: used, related: [] } });
    expect(await unit.find('authorization_code', 'id', 'c1')).toMatchObject({ consumed: 600 });
  });

  it('notes that the store is away', async () => {
    const unit = createUnitOfWork(
      () => Promise.reject(new Error('refused')),
      () => 0,
    );
    await expect(unit.find('grant', 'id', 'g1')).rejects.toThrow('refused');
    expect(unit.staged.away).toBe(true);
  });
});

describe('planIntents', () => {
  const stageAll = (unit: UnitOfWork): void => {
    unit.upsert({ kind: 'refresh_token', id: 'r2', payload: { grantId: 'g1' }, expiresInSeconds: 60 });
    unit.upsert({ kind: 'session', id: 's1', payload: { uid: 'u1' }, expiresInSeconds: 60 });
    unit.upsert({ kind: 'interaction', id: 'i1', payload: {}, expiresInSeconds: 60 });
    unit.upsert({ kind: 'grant', id: 'g1', payload: {}, expiresInSeconds: 60 });
    unit.consume('refresh_token', 'r1');
    unit.destroy('interaction', 'i0');
    unit.revokeGrant('g7');
  };

  it('writes all of a success: consumes, deletes, revocations, then upserts with grants first', () => {
    const { unit } = startUnit();
    stageAll(unit);
    expect(operations(planIntents(unit.staged, { route: 'token' }))).toEqual([
      'consume refresh_token r1',
      'destroy interaction i0',
      'revoke g7',
      'upsert grant g1',
      'upsert refresh_token r2',
      'upsert session s1',
      'upsert interaction i1',
    ]);
  });

  it.each([
    ['token', []],
    ['authorization', ['upsert session s1', 'upsert interaction i1']],
    ['resume', ['upsert session s1', 'upsert interaction i1']],
  ])('burns and issues nothing of a failure at %s', (route, upserts) => {
    const { unit } = startUnit();
    stageAll(unit);
    unit.markFailed();
    expect(operations(planIntents(unit.staged, { route }))).toEqual([
      'destroy interaction i0',
      'revoke g7',
      ...upserts,
    ]);
  });

  it('links records by what their payloads name', () => {
    const { unit } = startUnit();
    const payload = { grantId: 'g1', sessionUid: 'u1', accountId: 'ada', clientId: 'shop' };
    unit.upsert({ kind: 'refresh_token', id: 'r1', payload, expiresInSeconds: 60 });
    const result = { login: { accountId: 'ada' }, consent: { grantId: 'g1' } };
    unit.upsert({ kind: 'interaction', id: 'i1', payload: { grantId: 'g0', result }, expiresInSeconds: 60 });
    unit.upsert({ kind: 'session', id: 's1', payload: { uid: 'u1', accountId: 'ada' }, expiresInSeconds: 60 });
    expect(planIntents(unit.staged, { route: undefined })).toMatchObject([
      { kind: 'refresh_token', grantId: 'g1', sessionUid: 'u1', subject: 'ada', clientId: 'shop' },
      { kind: 'interaction', grantId: 'g1', subject: 'ada' },
      { kind: 'session', uid: 'u1', subject: 'ada' },
    ]);
  });

  describe('epochs', () => {
    const owned = { accountId: 'ada', clientId: 'shop', grantId: 'g1' };
    const stored = (subjectEpoch: number): StoredRecord => ({ ...grant, subject: 'ada', subjectEpoch, clientEpoch: 4 });
    const epochsOf = (unit: UnitOfWork) =>
      planIntents(unit.staged, { route: undefined }).flatMap((intent) =>
        intent.operation === 'upsert' ? [[intent.kind, intent.subjectEpoch, intent.clientEpoch]] : [],
      );

    it('go on from what was read, the lowest of them', async () => {
      const { unit } = startUnit({
        'grant id g1': { record: stored(3), related: [{ ...session, subject: 'ada', subjectEpoch: 2 }] },
      });
      await unit.find('grant', 'id', 'g1');
      expect(unit.clientEpochOf('g1')).toBe(4);
      unit.upsert({ kind: 'refresh_token', id: 'r1', payload: owned, expiresInSeconds: 60 });
      unit.upsert({ kind: 'grant', id: 'g2', payload: owned, expiresInSeconds: 60 });
      unit.upsert({ kind: 'session', id: 's2', payload: { accountId: 'bob' }, expiresInSeconds: 60 });
      expect(epochsOf(unit)).toEqual([
        ['grant', 2, undefined],
        ['refresh_token', 2, undefined],
        ['session', undefined, undefined],
      ]);
    });

    it('of a verification count for whatever was read', async () => {
      const { unit } = startUnit({ 'grant id g1': { record: stored(1), related: [] } });
      unit.verified({ subject: 'ada', clientId: 'shop' }, { subjectEpoch: 5, clientEpoch: 6 });
      await unit.find('grant', 'id', 'g1');
      unit.upsert({ kind: 'grant', id: 'g2', payload: owned, expiresInSeconds: 60 });
      const result = { login: { accountId: 'ada' } };
      unit.upsert({
        kind: 'interaction',
        id: 'i1',
        payload: { session: { accountId: 'bob' }, result },
        expiresInSeconds: 60,
      });
      expect(epochsOf(unit)).toEqual([
        ['grant', 5, 6],
        ['interaction', 5, undefined],
      ]);
    });
  });

  it('names whom a consumed record belongs to, and the families that end with a session', async () => {
    const payload = { jti: 'c1', grantId: 'g1', accountId: 'ada', clientId: 'shop' };
    const { unit } = startUnit({ 'authorization_code id c1': { record: { ...code, payload }, related: [] } });
    await unit.find('authorization_code', 'id', 'c1');
    unit.consume('authorization_code', 'c1');
    unit.upsert({ ...session, expiresInSeconds: 60 });
    unit.enqueue({ topic: 'backchannel_logout', key: 'k', payload: {} });
    unit.markFailed();
    expect(operations(planIntents(unit.staged, { route: 'token' }))).toEqual(['enqueue k']);
    const { unit: done } = startUnit({ 'authorization_code id c1': { record: { ...code, payload }, related: [] } });
    await done.find('authorization_code', 'id', 'c1');
    done.consume('authorization_code', 'c1');
    done.upsert({ ...session, expiresInSeconds: 60 });
    expect(planIntents(done.staged, { route: 'token' })).toMatchObject([
      { operation: 'consume', subject: 'ada', clientId: 'shop' },
      { kind: 'session', familyIds: ['g1', 'g2', 'g3'] },
    ]);
  });

  it('writes nothing that hangs on a family revoked by the same request', () => {
    const { unit } = startUnit();
    unit.upsert({ kind: 'refresh_token', id: 'r1', payload: { grantId: 'g1' }, expiresInSeconds: 60 });
    unit.destroy('grant', 'g1');
    unit.revokeGrant('g1');
    expect(operations(planIntents(unit.staged, { route: 'token' }))).toEqual(['revoke g1']);
  });
});

describe('families of a session', () => {
  const startSession = async (): Promise<UnitOfWork> => {
    const { unit } = startUnit({ 'session id s1': { record: session, related: [] } });
    await unit.find('session', 'id', 's1');
    return unit;
  };

  it('end with it', async () => {
    const unit = await startSession();
    unit.destroy('session', 's1');
    expect(operations(planIntents(unit.staged, { route: 'end_session_confirm' }))).toEqual([
      'destroy session s1',
      'revoke g1',
      'revoke g2',
      'revoke g3',
    ]);
  });

  it('end for the one client that is signed out', async () => {
    const unit = await startSession();
    const authorizations = { news: { families: ['g3'] } };
    unit.destroy('session', 's1');
    unit.upsert({ kind: 'session', id: 's2', payload: { jti: 's2', uid: 'u1', authorizations }, expiresInSeconds: 60 });
    expect(operations(planIntents(unit.staged, { route: 'end_session_confirm' }))).toEqual([
      'revoke g1',
      'revoke g2',
      'upsert session s2',
    ]);
  });

  it('live on when it gets a new identifier, or is only read', async () => {
    const renewed = await startSession();
    renewed.destroy('session', 's1');
    renewed.upsert({
      kind: 'session',
      id: 's2',
      payload: { ...session.payload, jti: 's2' },
      expiresInSeconds: 60,
    });
    expect(operations(planIntents(renewed.staged, { route: 'resume' }))).toEqual(['upsert session s2']);
    const read = await startSession();
    expect(planIntents(read.staged, { route: 'authorization' })).toEqual([]);
  });

  it('are those of its codes without offline access, once each, the newest fifty', () => {
    const { unit } = startUnit();
    const stageCode = (grantId: string, scope: string, sessionUid = 'u1'): void => {
      const payload = { grantId, scope, sessionUid, clientId: 'shop' };
      unit.upsert({ kind: 'authorization_code', id: `c-${grantId}`, payload, expiresInSeconds: 60 });
    };
    const families = Array.from({ length: 50 }, (_, n) => `old${n}`);
    const payload = { uid: 'u1', authorizations: { shop: { sid: 'x', families } } };
    unit.upsert({ kind: 'session', id: 's1', payload, expiresInSeconds: 60 });
    stageCode('new', 'openid');
    stageCode('old7', 'openid email');
    stageCode('offline', 'openid offline_access');
    stageCode('elsewhere', 'openid', 'u2');
    const written = planIntents(unit.staged, { route: 'resume' }).find(
      (intent) => intent.operation === 'upsert' && intent.kind === 'session',
    );
    const expected = [...families.filter((family) => family !== 'old0' && family !== 'old7'), 'new', 'old7'];
    expect(written).toMatchObject({ payload: { authorizations: { shop: { sid: 'x', families: expected } } } });
  });
});

describe('splitIntents', () => {
  it('keeps every intent, at most 64 together, and never parts a consume from the upserts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 20 }), (revocations, upserts) => {
        const intents: Intent[] = [
          { operation: 'consume', kind: 'refresh_token', id: 'r1' },
          ...Array.from({ length: revocations }, (_, n): Intent => ({ operation: 'revoke_grant', grantId: `g${n}` })),
          ...Array.from(
            { length: upserts },
            (_, n): Intent => ({ operation: 'destroy', kind: 'session', id: `s${n}` }),
          ),
        ];
        const batches = splitIntents(intents);
        expect(batches.every((batch) => batch.length <= 64)).toBe(true);
        expect(operations(batches.flat()).sort()).toEqual(operations(intents).sort());
        expect(batches.filter((batch) => batch.some(({ operation }) => operation !== 'revoke_grant'))).toHaveLength(1);
      }),
    );
  });
});
