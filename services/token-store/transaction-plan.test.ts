import { describe, expect, it } from 'vitest';
import type { Intent, RecordKind } from './contract.ts';
import { hashRecordId } from './record-hash.ts';
import {
  type CarriedEpoch,
  decideEpochsCurrent,
  decideGrantsAlive,
  isSingleStatement,
  namePlanOwners,
  planTransaction,
  type UpsertIntent,
} from './transaction-plan.ts';

const commitId = '7f8ff8a6-6a63-4a4e-9d4d-2f4a1d4f0c11';
const plan = (...intents: Intent[]) => planTransaction({ commitId, intents });
const upsert = (kind: RecordKind, id: string, grantId?: string): UpsertIntent => ({
  operation: 'upsert',
  kind,
  id,
  payload: {},
  expiresInSeconds: 60,
  ...(grantId === undefined ? {} : { grantId }),
});
const grant = hashRecordId('grant', 'g');
const alive = {
  idHash: grant,
  revoked: false,
  expired: false,
  outdated: false,
  subject: undefined,
  clientId: undefined,
};

describe('planTransaction', () => {
  it('lets the last word on a record count', () => {
    const ended = plan(upsert('interaction', 'i'), { operation: 'destroy', kind: 'interaction', id: 'i' });
    expect(ended.upserts.interactions).toEqual([]);
    expect(ended.destroys.interactions).toEqual([hashRecordId('interaction', 'i')]);
    const written = plan({ operation: 'destroy', kind: 'interaction', id: 'i' }, upsert('interaction', 'i'));
    expect(written.upserts.interactions).toHaveLength(1);
    expect(written.destroys.interactions).toEqual([]);
  });

  it('writes a record once and keys in one order', () => {
    const { upserts } = plan(...['b', 'a', 'c', 'a'].map((id) => upsert('access_token', id)));
    const keys = upserts.tokens.map(({ idHash }) => idHash);
    expect(keys).toHaveLength(3);
    expect(keys).toEqual([...keys].sort(Buffer.compare));
  });

  it('lets a revocation win over what the same request issues', () => {
    const { revokedGrants, issuingGrants, writtenGrants, upserts } = plan(
      upsert('grant', 'g'),
      upsert('refresh_token', 't', 'g'),
      upsert('authorization_code', 'c', 'g'),
      upsert('interaction', 'i', 'g'),
      { operation: 'revoke_grant', grantId: 'g' },
    );
    expect(revokedGrants).toEqual([grant]);
    expect([issuingGrants, writtenGrants, upserts.grants, upserts.tokens, upserts.short_lived]).toEqual([
      [],
      [],
      [],
      [],
      [],
    ]);
    expect(upserts.interactions).toHaveLength(1);
  });

  it('keeps a consumed record, so that a repeated commit finds its mark', () => {
    const { consumes, destroys } = plan(
      { operation: 'consume', kind: 'authorization_code', id: 'c' },
      { operation: 'destroy', kind: 'authorization_code', id: 'c' },
    );
    expect(consumes.short_lived).toHaveLength(1);
    expect(destroys.short_lived).toEqual([]);
  });

  it('knows refresh tokens among what is consumed', () => {
    const { consumedRefreshTokens, consumes } = plan(
      { operation: 'consume', kind: 'refresh_token', id: 't' },
      { operation: 'consume', kind: 'device_code', id: 'd' },
    );
    expect(consumedRefreshTokens).toEqual([hashRecordId('refresh_token', 't')]);
    expect(consumes).toEqual({
      tokens: [hashRecordId('refresh_token', 't')],
      short_lived: [hashRecordId('device_code', 'd')],
    });
  });
});

describe('decideGrantsAlive', () => {
  it.each([
    ['an alive one', [alive], true],
    ['a revoked one', [{ ...alive, revoked: true }], false],
    ['an expired one', [{ ...alive, expired: true }], false],
    ['one of an epoch that has passed', [{ ...alive, outdated: true }], false],
    ['none', [], false],
  ])('issues to %s: %s -> %s', (_name, locked, expected) => {
    expect(decideGrantsAlive(plan(upsert('access_token', 't', 'g')), locked)).toBe(expected);
  });

  it('issues to a grant that is written along, unless it was revoked', () => {
    const together = plan(upsert('access_token', 't', 'g'), upsert('grant', 'g'));
    expect(decideGrantsAlive(together, [])).toBe(true);
    expect(decideGrantsAlive(together, [{ ...alive, expired: true }])).toBe(true);
    expect(decideGrantsAlive(together, [{ ...alive, revoked: true }])).toBe(false);
    expect(decideGrantsAlive(together, [{ ...alive, outdated: true }])).toBe(false);
  });
});

describe('decideEpochsCurrent', () => {
  const session = { ...upsert('session', 's'), subject: 'ada', clientId: 'shop' };
  const raised = (of: 'subject' | 'client', name: string, epoch: number): CarriedEpoch => ({ of, name, epoch });
  it.each([
    ['nobody’s was raised', session, [], true],
    ['it is the current one', { ...session, subjectEpoch: 2 }, [raised('subject', 'ada', 2)], true],
    ['it has passed', { ...session, subjectEpoch: 1 }, [raised('subject', 'ada', 2)], false],
    ['none is carried, and one was raised', session, [raised('subject', 'ada', 1)], false],
    ['it is somebody else’s', session, [raised('subject', 'bob', 1), raised('client', 'ada', 1)], true],
    ['the client’s has passed', { ...session, clientEpoch: 0 }, [raised('client', 'shop', 1)], false],
    ['the client’s is to be taken as it is', session, [raised('client', 'shop', 1)], true],
  ] satisfies [string, UpsertIntent, CarriedEpoch[], boolean][])('%s', (_name, intent, current, expected) => {
    expect(decideEpochsCurrent(plan(intent), current)).toBe(expected);
  });
});

describe('namePlanOwners', () => {
  it('adds owners that only the grants know, sorted, and nothing else', () => {
    const issue = plan({ ...upsert('access_token', 't', 'g'), subject: 'bob' });
    expect(namePlanOwners(issue, [alive])).toBeUndefined();
    expect(namePlanOwners(issue, [{ ...alive, subject: 'ada', clientId: 'shop' }])).toMatchObject({
      subjects: ['ada', 'bob'],
      clients: ['shop'],
    });
  });
});

describe('isSingleStatement', () => {
  const proof = (id: string): Intent => ({ operation: 'use_once', namespace: 'n', id, expiresInSeconds: 1 });
  it.each([
    ['one session', [upsert('session', 's')], true],
    ['two interactions', [upsert('interaction', 'a'), upsert('interaction', 'b')], true],
    ['a revocation', [{ operation: 'revoke_grant', grantId: 'g' }], true],
    ['one use', [{ operation: 'consume', kind: 'device_code', id: 'd' }], true],
    ['one proof', [proof('a')], true],
    ['two proofs, one of which may be refused', [proof('a'), proof('b')], false],
    ['a token of a grant, which is locked', [upsert('access_token', 't', 'g')], false],
    ['a session of somebody’s, who is locked', [{ ...upsert('session', 's'), subject: 'ada' }], false],
    ['two tables', [upsert('session', 's'), upsert('interaction', 'i')], false],
  ] satisfies [string, Intent[], boolean][])('%s', (_name, intents, expected) => {
    expect(isSingleStatement(plan(...intents))).toBe(expected);
  });
});
