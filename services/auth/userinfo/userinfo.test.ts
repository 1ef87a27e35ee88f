import { describe, expect, it } from 'vitest';
import { readBearerToken, selectClaims } from './userinfo.ts';

describe('readBearerToken', () => {
  it.each([
    ['Bearer abc.def', undefined, { ok: true, token: 'abc.def' }],
    ['bearer abc', undefined, { ok: true, token: 'abc' }],
    [undefined, { access_token: 'abc' }, { ok: true, token: 'abc' }],
    [undefined, undefined, { ok: false }],
    [undefined, { access_token: ['a', 'b'] }, { ok: false, error: 'invalid_request' }],
    ['Bearer', undefined, { ok: false, error: 'invalid_request' }],
    ['Bearer a b', undefined, { ok: false, error: 'invalid_request' }],
    ['DPoP abc', undefined, { ok: false, error: 'invalid_request' }],
    ['Bearer abc', { access_token: 'abc' }, { ok: false, error: 'invalid_request' }],
  ])('%j with %j', (authorization, form, expected) => {
    expect(readBearerToken({ authorization, form })).toEqual(expected);
  });
});

describe('selectClaims', () => {
  const account = { id: 'ada', email: 'ada@example.test', emailVerified: false, name: 'Ada' };
  it.each([
    ['openid', { sub: 'ada' }],
    ['openid email', { sub: 'ada', email: 'ada@example.test', email_verified: false }],
    ['openid profile', { sub: 'ada', name: 'Ada' }],
  ])('%s', (scopes, expected) => {
    expect(selectClaims(account, new Set(scopes.split(' ')))).toEqual(expected);
  });
});
