import { describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { buildWantedConsent, decideMissingConsent, joinConsents } from './wanted-consent.ts';

const registration: ClientRegistration = {
  clientId: 'partner',
  grantTypes: ['authorization_code'],
  redirectUris: ['https://partner.example/cb'],
  postLogoutRedirectUris: [],
  scopes: ['openid', 'email', 'profile', 'orders:read'],
  audiences: [],
  tokenEndpointAuthMethod: 'none',
  secretHashes: [],
  consent: 'required',
};
const consent = (scopes: string[], policyVersion = '1') => ({ scopes, claims: [], policyVersion });

describe('what is wanted', () => {
  it('are the scopes that the client may have, once each, with their claims', () => {
    const params = { scope: 'profile openid email admin orders:read openid' };
    expect(buildWantedConsent(params, registration, { policyVersion: '7' })).toEqual({
      scopes: ['email', 'openid', 'orders:read', 'profile'],
      claims: ['email', 'email_verified', 'name'],
      policyVersion: '7',
    });
  });
});

describe('claims that are asked for by name', () => {
  const want = (claims: unknown, scopes = registration.scopes) => {
    const params = { scope: 'openid', claims: typeof claims === 'string' ? claims : JSON.stringify(claims) };
    return buildWantedConsent(params, { ...registration, scopes }, { policyVersion: '1' }).scopes;
  };
  it.each([
    ['at userinfo', { userinfo: { email: null } }, ['email', 'openid']],
    ['in the ID token', { id_token: { name: { essential: true }, sub: null } }, ['openid', 'profile']],
    ['that nobody has', { userinfo: { shoe_size: null, __proto__: null } }, ['openid']],
    ['in a way that is none', '{"userinfo":["email"]}', ['openid']],
    ['in no JSON', '{{', ['openid']],
  ])('%s are wanted as their scopes', (_where, claims, scopes) => {
    expect(want(claims)).toEqual(scopes);
  });

  it('are not wanted by a client that may not have the scope', () => {
    expect(want({ userinfo: { email: null, name: null } }, ['openid', 'profile'])).toEqual(['openid', 'profile']);
  });
});

describe('what is missing', () => {
  it.each([
    ['all of it, from somebody who was never asked', consent(['a', 'b']), undefined, ['a', 'b']],
    ['nothing of what was agreed to', consent(['a']), consent(['a', 'b']), undefined],
    ['what is new', consent(['a', 'c']), consent(['a', 'b']), ['c']],
    ['all of it under another policy', consent(['a'], '2'), consent(['a', 'b']), ['a']],
  ])('is %s', (_what, wanted, given, missing) => {
    expect(decideMissingConsent(wanted, given)).toEqual(missing);
  });

  it('is nothing after agreeing, and what was agreed to before still holds', () => {
    const joined = joinConsents(consent(['a', 'c']), consent(['a', 'b']));
    expect(joined.scopes).toEqual(['a', 'b', 'c']);
    expect(joinConsents(consent(['a'], '2'), consent(['a', 'b'])).scopes).toEqual(['a']);
  });
});
