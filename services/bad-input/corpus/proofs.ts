import { issuer } from '../../auth/testing/auth-fixture.ts';
import { form, get, query } from '../http-request.ts';
import { addresses, type BadRequest, basic, goodRequest, machine } from './bad-request.ts';

const askWith = (...proofs: string[]): string =>
  form(addresses.token, machine, basic, ...proofs.map((proof) => `DPoP: ${proof}`));
const userinfoWith = (accessToken: string, proof: string): string =>
  get(addresses.userinfo, `Authorization: DPoP ${accessToken}`, `DPoP: ${proof}`);
const userinfoProof = { htm: 'GET', htu: `${issuer}${addresses.userinfo}` };

/** DPoP proofs (RFC 9449) that are none, or not for this request. */
export const proofs: readonly BadRequest[] = [
  ['no JWT', askWith('x'), '400 oauth invalid_dpop_proof'],
  // As if there were none: the token is not bound.
  ['nothing', askWith(''), '200 json'],
  ['bytes', askWith('\xff\xfe.\xff.\xff'), '400 oauth invalid_dpop_proof'],
  ['12 KB', askWith('x'.repeat(12_000)), '400 oauth invalid_dpop_proof'],
  ['an unsigned one', askWith('eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ.e30.'), '400 oauth invalid_dpop_proof'],
  ['one that was used', ({ used }) => askWith(used.proof), '400 oauth invalid_grant'],
  ['two', async ({ prove }) => askWith(await prove(), await prove()), '400 oauth invalid_dpop_proof'],
  ['one without a nonce', async ({ prove }) => askWith(await prove({ nonce: undefined })), '400 oauth use_dpop_nonce'],
  [
    'a nonce of another server',
    async ({ prove }) => askWith(await prove({ nonce: 'x'.repeat(43) })),
    '400 oauth use_dpop_nonce',
  ],
  ['a nonce that is a number', async ({ prove }) => askWith(await prove({ nonce: 1 })), '400 oauth invalid_dpop_proof'],
  ['another method', async ({ prove }) => askWith(await prove({ htm: 'GET' })), '400 oauth invalid_dpop_proof'],
  [
    'another address',
    async ({ prove }) => askWith(await prove({ htu: `${issuer}/oauth2/par` })),
    '400 oauth invalid_dpop_proof',
  ],
  [
    'another issuer\u2019s address',
    async ({ prove }) => askWith(await prove({ htu: 'https://evil.example/oauth2/token' })),
    '400 oauth invalid_dpop_proof',
  ],
  ['an address that is none', async ({ prove }) => askWith(await prove({ htu: 'x' })), '400 oauth invalid_dpop_proof'],
  [
    'an address that is a list',
    async ({ prove }) => askWith(await prove({ htu: [issuer] })),
    '400 oauth invalid_dpop_proof',
  ],
  ['no id', async ({ prove }) => askWith(await prove({ jti: undefined })), '400 oauth invalid_dpop_proof'],
  [
    'an id that is an object',
    async ({ prove }) => askWith(await prove({ jti: { a: 1 } })),
    '400 oauth invalid_dpop_proof',
  ],
  // Of an id a hash is kept.
  ['an id that is a null byte', async ({ prove }) => askWith(await prove({ jti: '\0' })), '200 json'],
  ['an id that is empty', async ({ prove }) => askWith(await prove({ jti: '' })), '400 oauth invalid_dpop_proof'],
  ['an id of 8 KB', async ({ prove }) => askWith(await prove({ jti: 'x'.repeat(8_000) })), '200 json'],
  ['no time', async ({ prove }) => askWith(await prove({ iat: undefined })), '400 oauth invalid_dpop_proof'],
  ['a time that is text', async ({ prove }) => askWith(await prove({ iat: 'now' })), '400 oauth invalid_dpop_proof'],
  // The nonce in it bounds the age of a proof, by our clock; then the sender's does not count.
  ['a time without end', async ({ prove }) => askWith(await prove({ iat: 1e300 })), '200 json'],
  ['a proof of the past', async ({ prove }) => askWith(await prove({ iat: 1 })), '200 json'],
  ['another type', async ({ prove }) => askWith(await prove({}, { typ: 'JWT' })), '400 oauth invalid_dpop_proof'],
  ['no key', async ({ prove }) => askWith(await prove({}, { jwk: undefined })), '400 oauth invalid_dpop_proof'],
  ['a key that is text', async ({ prove }) => askWith(await prove({}, { jwk: 'x' })), '400 oauth invalid_dpop_proof'],
  [
    'a key of another curve',
    async ({ prove }) => askWith(await prove({}, { jwk: { kty: 'EC', crv: 'P-384', x: 'x', y: 'y' } })),
    '400 oauth invalid_dpop_proof',
  ],
  [
    'a private key',
    async ({ prove }) => askWith(await prove({}, { jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' } })),
    '400 oauth invalid_dpop_proof',
  ],
  [
    'a symmetric key',
    async ({ prove }) => askWith(await prove({}, { jwk: { kty: 'oct', k: 'eA' } })),
    '400 oauth invalid_dpop_proof',
  ],
  [
    'a key by address',
    async ({ prove }) => askWith(await prove({}, { jwk: undefined, jku: 'http://127.0.0.1:1/' })),
    '400 oauth invalid_dpop_proof',
  ],
  [
    'a key that is a null byte',
    async ({ prove }) => askWith(await prove({}, { jwk: { kty: '\0', crv: '\0' } })),
    '400 oauth invalid_dpop_proof',
  ],
  [
    'userinfo with a token that is not bound',
    async ({ prove, accessToken }) => userinfoWith(accessToken, await prove({ ...userinfoProof, ath: 'x' })),
    '401 oauth invalid_dpop_proof',
  ],
  [
    'userinfo with a proof and no token',
    async ({ prove }) => get(addresses.userinfo, `DPoP: ${await prove(userinfoProof)}`),
    '401 oauth invalid_token',
  ],
  [
    'userinfo with a proof that is none',
    ({ accessToken }) => userinfoWith(accessToken, 'x'),
    '401 oauth invalid_dpop_proof',
  ],
  [
    'a pushed request with a proof that is none',
    form(addresses.par, query(goodRequest), basic, 'DPoP: x'),
    '400 oauth invalid_dpop_proof',
  ],
  [
    'a pushed request with a proof that was used',
    ({ used }) => form(addresses.par, query(goodRequest), basic, `DPoP: ${used.proof}`),
    '400 oauth invalid_dpop_proof',
  ],
];
