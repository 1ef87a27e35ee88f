import { describe, expect, it } from 'vitest';
import { createUnitOfWork } from '../unit-of-work/unit-of-work.ts';
import { drawUserCode, redrawUserCode } from './user-codes.ts';

const startUnit = () =>
  createUnitOfWork(
    async () => ({ related: [] }),
    () => 0,
  );
const answer = {
  device_code: 'd1',
  user_code: 'BBBB-BBBB',
  verification_uri: 'https://id.example/oauth2/device',
  verification_uri_complete: 'https://id.example/oauth2/device?user_code=BBBB-BBBB',
  expires_in: 600,
};

describe('another code for a device', () => {
  it('is in what is written and in the answer, and nothing else is another', () => {
    const unit = startUnit();
    const write = { kind: 'device_code', id: 'd1', expiresInSeconds: 600 } as const;
    unit.upsert({ ...write, payload: { clientId: 'tv', userCode: 'BBBBBBBB' } });
    expect(redrawUserCode(unit, answer, () => 'CCCC-DDDD')).toEqual({
      ...answer,
      user_code: 'CCCC-DDDD',
      verification_uri_complete: 'https://id.example/oauth2/device?user_code=CCCC-DDDD',
    });
    expect([...unit.staged.upserts.values()]).toEqual([
      { ...write, payload: { clientId: 'tv', userCode: 'CCCCDDDD' } },
    ]);
  });

  it('has the form that people are told to type', () => {
    expect(drawUserCode()).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  });

  it('is not drawn for a request that has asked for none', () => {
    expect(redrawUserCode(startUnit(), answer)).toBeUndefined();
    expect(redrawUserCode(startUnit(), { error: 'invalid_client' })).toBeUndefined();
  });
});
