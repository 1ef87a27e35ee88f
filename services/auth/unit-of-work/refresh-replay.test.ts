import { describe, expect, it } from 'vitest';
import { buildReplay, hashRefresh, openAnswer, type RefreshRequest, sealAnswer } from './refresh-replay.ts';
import { createUnitOfWork } from './unit-of-work.ts';

const successor = `20782~${'s'.repeat(43)}`;
const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
const answerWith = (claims: object = {}) => ({ access_token: jwt(claims), refresh_token: successor });
const request: RefreshRequest = { clientId: 'shop', scope: undefined, resource: undefined };
const options = { leewaySeconds: 10, secrets: ['secret'] };

const refresh = () => {
  const unit = createUnitOfWork(
    async () => ({ related: [] }),
    () => 0,
  );
  unit.consume('refresh_token', 'old');
  return unit;
};
const build = (body: unknown, changes: Partial<RefreshRequest> = {}, unit = refresh(), given = options) =>
  buildReplay(unit.staged, { request: { ...request, ...changes }, body }, given);

describe('an answer', () => {
  it('is opened by the old token with the secret, and by nothing else', () => {
    const sealed = sealAnswer('old', 'secret', { a: 1 });
    expect(openAnswer('old', ['newer', 'secret'], sealed)).toEqual({ a: 1 });
    expect(openAnswer('other', ['secret'], sealed)).toBeUndefined();
    expect(openAnswer('old', ['newer'], sealed)).toBeUndefined();
    expect(openAnswer('old', ['secret'], 'AAAA')).toBeUndefined();
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('"a"');
  });
});

describe('buildReplay', () => {
  it('keeps the answer to a refresh', () => {
    const body = answerWith();
    const replay = build(body);
    expect(replay).toMatchObject({ successorId: successor, leewaySeconds: 10 });
    expect(openAnswer('old', ['secret'], replay?.answer ?? '')).toEqual(body);
  });

  it('keeps none of another request, of a failed one, without a leeway, nor one that is too large', () => {
    const exchange = createUnitOfWork(
      async () => ({ related: [] }),
      () => 0,
    );
    exchange.consume('authorization_code', 'c');
    expect(build(answerWith(), {}, exchange)).toBeUndefined();
    const failed = refresh();
    failed.markFailed();
    expect(build(answerWith(), {}, failed)).toBeUndefined();
    expect(build(answerWith(), {}, refresh(), { ...options, leewaySeconds: 0 })).toBeUndefined();
    expect(build({ error: 'invalid_grant' })).toBeUndefined();
    expect(build({ ...answerWith(), id_token: 'x'.repeat(12_000) })).toBeUndefined();
  });

  it('tells requests apart by client, key, certificate, scope and resource, in whatever order', () => {
    const fingerprint = (claims: object, changes: Partial<RefreshRequest> = {}) =>
      build(answerWith(claims), changes)?.fingerprint;
    const plain = fingerprint({});
    expect(plain).toBe(fingerprint({ jti: 'another' }));
    expect(plain).toBe(hashRefresh(request, [null, null]));
    const all = [
      plain,
      fingerprint({}, { clientId: 'other' }),
      fingerprint({ cnf: { jkt: 'a' } }),
      fingerprint({ cnf: { jkt: 'b' } }),
      fingerprint({ cnf: { 'x5t#S256': 'a' } }),
      fingerprint({}, { scope: 'openid' }),
      fingerprint({}, { resource: 'https://a.example' }),
      fingerprint({}, { scope: 'https://a.example' }),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(fingerprint({}, { scope: 'a b', resource: ['x', 'y'] })).toBe(
      fingerprint({}, { scope: 'b a', resource: ['y', 'x'] }),
    );
  });

  it('knows the key of an opaque token by what is stored of it', () => {
    const bound = (jkt?: string) => {
      const unit = refresh();
      unit.upsert({ kind: 'access_token', id: 'opaque', payload: { ...(jkt && { jkt }) }, expiresInSeconds: 60 });
      return build({ access_token: 'opaque', refresh_token: successor }, {}, unit)?.fingerprint;
    };
    expect(bound('a')).toBe(hashRefresh(request, ['a', null]));
    expect(bound()).toBe(hashRefresh(request, [null, null]));
  });
});
