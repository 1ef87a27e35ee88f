import { describe, expect, it } from 'vitest';
import { shop } from '../testing/auth-fixture.ts';
import { assertMayRevoke, mayIntrospect } from './token-policies.ts';

describe('mayIntrospect', () => {
  const api = { ...shop, clientId: 'api', introspectedAudiences: ['https://api.shop.example'] };
  it.each([
    ['its own', shop, { clientId: 'shop', audience: 'https://elsewhere.example' }, true],
    ['one for the API that it is', api, { clientId: 'shop', audience: 'https://api.shop.example' }, true],
    ['one for another API', api, { clientId: 'shop', audience: 'https://stock.shop.example' }, false],
    ['one that it could only ask for', shop, { clientId: 'other', audience: 'https://api.shop.example' }, false],
    ['one without an audience', api, { clientId: 'shop', audience: undefined }, false],
    [
      'its own, without a secret',
      { ...shop, tokenEndpointAuthMethod: 'none' as const },
      { clientId: 'shop', audience: undefined },
      false,
    ],
    ['of a client that is gone', undefined, { clientId: 'shop', audience: undefined }, false],
  ])('%s', (_name, registration, token, expected) => {
    expect(mayIntrospect(registration, token)).toBe(expected);
  });
});

describe('assertMayRevoke', () => {
  it('lets a client revoke its own tokens only', () => {
    expect(() => assertMayRevoke('shop', { clientId: 'shop' })).not.toThrow();
    expect(() => assertMayRevoke('other', { clientId: 'shop' })).toThrow(/not authorized|invalid_request/);
  });
});
