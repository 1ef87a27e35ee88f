import { shop } from '../../auth/testing/auth-fixture.ts';

/** A row: what is wrong, method and path, the body, and the answer in the words of `describeAnswer`. */
export type BadOperatorRequest = readonly [what: string, method: string, path: string, body: string, answer: string];

const put = (changes: Record<string, unknown>): string => JSON.stringify({ ...shop, clientId: 'bad', ...changes });
const client = '/internal/clients/bad';

/** What comes by mutual TLS in the operator's role: it is believed, and may be wrong all the same. */
export const operatorRequests: readonly BadOperatorRequest[] = [
  ['no JSON', 'PUT', client, '{', '400 problem malformed-body'],
  ['a list', 'PUT', client, '[]', '400 problem invalid-client'],
  ['nothing', 'PUT', client, '', '400 problem invalid-client'],
  ['another name than the address', 'PUT', client, put({ clientId: 'other' }), '400 problem invalid-client'],
  ['a name of bytes', 'PUT', '/internal/clients/%ff', put({}), '400 problem malformed-target'],
  ['a name that is a null byte', 'PUT', '/internal/clients/%00', put({ clientId: '\0' }), '400 problem invalid-client'],
  [
    'a name that is __proto__',
    'PUT',
    '/internal/clients/__proto__',
    put({ clientId: '__proto__' }).replace('"bad"', '"__proto__"'),
    '200 json',
  ],
  ['a null byte in a title', 'PUT', client, put({ clientName: 'a\0b' }), '400 problem invalid-client'],
  ['a null byte in a scope', 'PUT', client, put({ scopes: ['openid', '\0'] }), '400 problem invalid-client'],
  [
    'a null byte in an address',
    'PUT',
    client,
    put({ redirectUris: ['https://shop.example/\0'] }),
    '400 problem invalid-client',
  ],
  ['half a character in a title', 'PUT', client, put({}).replace('The Shop', '\\ud800'), '400 problem invalid-client'],
  ['an address that is none', 'PUT', client, put({ redirectUris: ['x'] }), '400 problem invalid-client'],
  [
    'an address that is a script',
    'PUT',
    client,
    put({ redirectUris: ['javascript:alert(1)'] }),
    '400 problem invalid-client',
  ],
  ['an audience that is none', 'PUT', client, put({ audiences: ['\0'] }), '400 problem invalid-client'],
  ['a grant that there is not', 'PUT', client, put({ grantTypes: ['password'] }), '400 problem invalid-client'],
  ['a key that is none', 'PUT', client, put({ jwks: { keys: [{ kty: '\0' }] } }), '400 problem invalid-client'],
  [
    'a private key',
    'PUT',
    client,
    put({ jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }] } }),
    '400 problem invalid-client',
  ],
  ['a secret that is no hash', 'PUT', client, put({ secretHashes: ['\0'.repeat(43)] }), '400 problem invalid-client'],
  ['600 KB', 'PUT', client, put({ clientName: 'x'.repeat(600_000) }), '413 problem body-too-large'],
  ['another method', 'POST', client, put({}), '403 problem role-not-allowed'],
  ['a client that there is not', 'DELETE', '/internal/clients/nobody', '', '200 json'],
  ['a deletion of a null byte', 'DELETE', '/internal/clients/%00', '', '400 problem invalid-client'],
  ['a deletion of 1,000 letters', 'DELETE', `/internal/clients/${'x'.repeat(1_000)}`, '', '400 problem invalid-client'],
  ['an account that there is not', 'PATCH', '/internal/accounts/nobody', '{"disabled":true}', '200 json'],
  [
    'an account that is a null byte',
    'PATCH',
    '/internal/accounts/%00',
    '{"disabled":true}',
    '400 problem invalid-account-change',
  ],
  ['an account of bytes', 'PATCH', '/internal/accounts/%ff', '{"disabled":true}', '400 problem malformed-target'],
  [
    'a change that is none',
    'PATCH',
    '/internal/accounts/x',
    '{"disabled":"yes"}',
    '400 problem invalid-account-change',
  ],
  ['an address that there is not', 'GET', '/internal/secrets', '', '403 problem role-not-allowed'],
];
