import { describe, expect, it } from 'vitest';
import { planGrant } from './first-party-grant.ts';
import { decideSignInErrors, describeRefusal, parseName, registerFormSchema, signInFormSchema } from './forms.ts';

describe('forms', () => {
  it('take what did not come from our pages for empty', () => {
    expect(signInFormSchema.parse({ email: ['a', 'b'], password: { $ne: '' } })).toEqual({ email: '', password: '' });
    expect(registerFormSchema.parse({})).toEqual({ email: '', password: '', name: '' });
  });

  it('ask for both fields', () => {
    expect(Object.keys(decideSignInErrors({ email: ' ', password: '' }))).toEqual(['email', 'password']);
    expect(decideSignInErrors({ email: 'ada@example.test', password: ' ' })).toEqual({});
  });

  it.each([
    ['', { ok: true, name: undefined }],
    ['  Ada Lovelace ', { ok: true, name: 'Ada Lovelace' }],
    ['Ada\nLovelace', { ok: false }],
    ['x'.repeat(101), { ok: false }],
  ])('name %j', (typed, expected) => {
    expect(parseName(typed)).toEqual(expected);
  });

  it('put each refusal beside its field', () => {
    const typed = { email: 'x', password: 'y' };
    expect(describeRefusal({ field: 'email', reason: 'invalid' }, typed, 8)).toHaveProperty('email');
    expect(describeRefusal({ field: 'password', reason: 'too_short' }, typed, 8).password).toContain('8');
    expect(
      describeRefusal({ field: 'password', reason: 'too_short' }, { ...typed, password: '' }, 8).password,
    ).toContain('Enter');
  });
});

describe('planGrant', () => {
  const registration = {
    clientId: 'shop',
    grantTypes: ['authorization_code' as const],
    redirectUris: [],
    postLogoutRedirectUris: [],
    scopes: ['openid', 'orders:read'],
    audiences: [],
    tokenEndpointAuthMethod: 'none' as const,
    secretHashes: [],
  };

  it('grants what is registered and asked for, and refuses other claims for good', () => {
    const params = { scope: 'openid email orders:read orders:write', resource: 'https://api.example' };
    expect(planGrant(params, registration)).toEqual({
      identity: ['openid'],
      refused: ['email'],
      claims: [],
      refusedClaims: [],
      resources: { 'https://api.example': ['openid', 'orders:read'] },
    });
  });

  it('grants claims by name where their scope is registered', () => {
    const params = { claims: JSON.stringify({ userinfo: { email: null, name: null, shoe_size: null } }) };
    const plan = planGrant(params, { ...registration, scopes: ['openid', 'email'] });
    expect([plan.claims, plan.refusedClaims, plan.identity]).toEqual([['email'], ['name'], []]);
  });

  it('copes with nothing', () => {
    expect(planGrant({}, registration)).toEqual({
      identity: [],
      refused: [],
      claims: [],
      refusedClaims: [],
      resources: {},
    });
  });
});
