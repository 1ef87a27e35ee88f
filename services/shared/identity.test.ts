import { describe, expect, it } from 'vitest';
import { roleInSubjectAltName } from './identity.ts';

const name = { tenant: 'acme', namespace: 'shop' };

describe('roleInSubjectAltName', () => {
  it.each([
    ['URI:spiffe://acme.shop/auth', 'auth'],
    ['URI:spiffe://acme.shop/token-store', 'token-store'],
    ['DNS:acme-auth.shop.svc, URI:spiffe://acme.shop/auth', 'auth'],
  ])('%s names %s', (text, role) => {
    expect(roleInSubjectAltName(text, name)).toBe(role);
  });

  it.each([
    [undefined, 'no names'],
    ['DNS:acme.shop', 'no URI'],
    ['URI:spiffe://other.shop/auth', 'another tenant'],
    ['URI:spiffe://acme.other/auth', 'another namespace'],
    ['URI:spiffe://acme.shop/root', 'an unknown role'],
    ['URI:spiffe://acme.shop/auth/operator', 'a longer path'],
    ['URI:https://acme.shop/auth', 'another scheme'],
    ['URI:spiffe://acme.shop/auth, URI:spiffe://acme.shop/operator', 'two URIs'],
    ['DNS:"x, URI:spiffe://acme.shop/auth", URI:spiffe://acme.shop/auth', 'a quoted value'],
    ['DNS:spiffe://acme.shop/auth', 'a name of another type'],
  ])('%s proves nothing (%s)', (text, _why) => {
    expect(roleInSubjectAltName(text, name)).toBeUndefined();
  });
});
