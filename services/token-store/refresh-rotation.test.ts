import { describe, expect, it } from 'vitest';
import { buildTokenValue } from './client/token-value.ts';
import type { Intent } from './contract.ts';
import { hashRecordId } from './record-hash.ts';
import { findRotation } from './refresh-rotation.ts';
import { planTransaction } from './transaction-plan.ts';

const commitId = '7f8ff8a6-6a63-4a4e-9d4d-2f4a1d4f0c11';
const tokenOf = (day: number, letter: string): string => buildTokenValue(letter.repeat(43), day * 86_400);
const [used, successor] = [tokenOf(20_500, 'a'), tokenOf(20_501, 'b')];
const consume: Intent = { operation: 'consume', kind: 'refresh_token', id: used, subject: 'ada', clientId: 'shop' };
const issue = {
  operation: 'upsert',
  kind: 'refresh_token',
  id: successor,
  payload: {},
  expiresInSeconds: 60,
  grantId: 'g',
  subject: 'ada',
  clientId: 'shop',
} satisfies Intent;
const find = (...intents: Intent[]) => findRotation(planTransaction({ commitId, intents }));

describe('findRotation', () => {
  it('knows a refresh, with the days of both tokens', () => {
    expect(find(consume, issue)).toMatchObject({
      commitId,
      grantHash: hashRecordId('grant', 'g'),
      used: { day: 20_500, idHash: hashRecordId('refresh_token', used) },
      successor: { day: 20_501, idHash: hashRecordId('refresh_token', successor) },
    });
    expect(find(consume, { ...issue, id: tokenOf(20_500, 'c') })).toMatchObject({
      used: { day: 20_500 },
      successor: { day: 20_500 },
    });
  });

  it.each([
    ['a token of another kind is issued', [consume, { ...issue, kind: 'access_token' }]],
    ['two tokens are issued', [consume, issue, { ...issue, kind: 'access_token', id: tokenOf(20_502, 'd') }]],
    ['nothing is used', [issue]],
    ['nothing is issued', [consume]],
    ['two are used', [consume, { ...consume, id: tokenOf(20_500, 'e') }, issue]],
    ['it would be its own successor', [consume, { ...issue, id: used }]],
    ['it belongs to no family', [consume, { ...issue, grantId: undefined }]],
    ['a code is used too', [consume, { operation: 'consume', kind: 'authorization_code', id: 'c' }, issue]],
    ['a proof is used', [consume, issue, { operation: 'use_once', namespace: 'dpop', id: 'p', expiresInSeconds: 1 }]],
    ['the grant is written', [consume, issue, { ...issue, kind: 'grant', id: 'g' }]],
    ['a session is written', [consume, issue, { ...issue, kind: 'session', id: 's', grantId: undefined }]],
    ['something ends', [consume, issue, { operation: 'revoke_grant', grantId: 'other' }]],
    ['something is destroyed', [consume, issue, { operation: 'destroy', kind: 'interaction', id: 'i' }]],
    [
      'a message goes out',
      [consume, issue, { operation: 'enqueue', topic: 'backchannel_logout', key: 'k', payload: {} }],
    ],
    ['they belong to two people', [{ ...consume, subject: 'bob' }, issue]],
    ['they belong to two clients', [{ ...consume, clientId: 'news' }, issue]],
  ] satisfies [string, Intent[]][])('leaves it to the plan when %s', (_name, intents) => {
    expect(find(...intents)).toBeUndefined();
  });
});
