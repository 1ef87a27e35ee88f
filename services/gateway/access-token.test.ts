import { createPublicKey } from 'node:crypto';
import { base64url, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTokenIssuer, exampleIssuer, type TokenIssuer } from './testing/token-issuer.ts';
import { buildVerificationKeys } from './verification-keys.ts';
import { createTokenVerifier, type TokenVerifier } from './verified-token-cache.ts';

const now = () => Math.floor(Date.now() / 1_000);
const rules = { issuer: exampleIssuer, clockSkewSeconds: 5 };

describe('a token verifier', () => {
  let issuer: TokenIssuer;
  let verifier: TokenVerifier;
  beforeAll(async () => {
    issuer = await createTokenIssuer();
    verifier = createTokenVerifier(buildVerificationKeys(issuer.keyring(1)), rules);
  });

  it('tells what a good token says, the second time from memory', async () => {
    const jwt = await issuer.sign();
    const expected = {
      ok: true,
      token: {
        subject: 'user-1',
        clientId: 'shop',
        scopes: ['orders:read', 'orders:write'],
        binding: { kind: 'none' },
      },
    };
    expect(await verifier.verify(jwt)).toMatchObject(expected);
    expect(await verifier.verify(jwt)).toMatchObject(expected);
  });

  const forgeries: Record<string, () => Promise<string> | string> = {
    expired: () => issuer.sign({ exp: now() - 6 }),
    'without exp': () => issuer.sign({ exp: undefined }),
    'with an exp of text': () => issuer.sign({ exp: 'tomorrow' }),
    'without sub': () => issuer.sign({ sub: undefined }),
    'with a sub of another type': () => issuer.sign({ sub: 7 }),
    'with a sub that breaks a header': () => issuer.sign({ sub: 'a\r\nX-Identity-Subject: b' }),
    'without audience': () => issuer.sign({ aud: undefined }),
    'without client_id': () => issuer.sign({ client_id: undefined }),
    'without jti': () => issuer.sign({ jti: undefined }),
    'not valid yet': () => issuer.sign({ nbf: now() + 60 }),
    'of another issuer': () => issuer.sign({ iss: 'https://other.example.com' }),
    'that is an ID token': () => issuer.sign({}, { typ: 'JWT' }),
    'with an unknown kid': () => issuer.sign({}, { kid: 'unknown' }),
    'of another issuer with our kid': async () => (await createTokenIssuer()).sign({}, { kid: issuer.key.kid }),
    'tampered with': async () => {
      const [header, , signature] = (await issuer.sign()).split('.');
      const claims = base64url.encode(JSON.stringify({ iss: exampleIssuer, sub: 'admin', exp: now() + 60 }));
      return `${header}.${claims}.${signature}`;
    },
    'without signature': async () => `${(await issuer.sign()).split('.').slice(0, 2).join('.')}.`,
    'with alg none': () => new UnsecuredJWT({ sub: 'admin', iss: exampleIssuer }).setExpirationTime('1h').encode(),
    'with HS256 and the public key as secret': () =>
      new SignJWT({ sub: 'admin', iss: exampleIssuer, aud: 'x', client_id: 'c', jti: 'j', iat: now(), exp: now() + 60 })
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: issuer.key.kid })
        .sign(
          Buffer.from(
            createPublicKey({ key: issuer.key.publicJwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
          ),
        ),
    'that is no JWT': () => 'opaque-token',
    'that is empty': () => '',
  };
  it.each(Object.entries(forgeries))('refuses a token %s', async (_name, forge) => {
    expect(await verifier.verify(await forge())).toMatchObject({ ok: false });
  });

  it.each([
    [undefined, { kind: 'none' }],
    [{ 'x5t#S256': 'x' }, { kind: 'certificate', thumbprint: 'x' }],
    [{ jkt: 'x' }, { kind: 'unsupported' }],
    [{ 'x5t#S256': 'x', jkt: 'x' }, { kind: 'unsupported' }],
    [{ 'x5t#S256': 7 }, { kind: 'unsupported' }],
    [{}, { kind: 'unsupported' }],
  ])('sees what a token is bound to by %j', async (cnf, binding) => {
    expect(await verifier.verify(await issuer.sign({ cnf }))).toMatchObject({ token: { binding } });
  });

  it('takes no other kind of binding for none', async () => {
    for (const cnf of [null, 'x', 7, []]) {
      expect(await verifier.verify(await issuer.sign({ cnf }))).toMatchObject({ ok: false });
    }
  });

  it('grants the clock skew and no more, from memory too', async () => {
    let time = Date.now();
    const timed = createTokenVerifier(buildVerificationKeys(issuer.keyring(1)), rules, () => time);
    const jwt = await issuer.sign({ exp: Math.floor(time / 1_000) + 10 });
    expect(await timed.verify(jwt)).toMatchObject({ ok: true });
    time += 14_000;
    expect(await timed.verify(jwt)).toMatchObject({ ok: true });
    time += 2_000;
    expect(await timed.verify(jwt)).toMatchObject({ ok: false, reason: 'expired' });
  });

  it('forgets what it verified when the keys change, and knows no retired key', async () => {
    const changing = createTokenVerifier(buildVerificationKeys(issuer.keyring(1)), rules);
    const jwt = await issuer.sign();
    expect(await changing.verify(jwt)).toMatchObject({ ok: true });
    changing.useKeys(buildVerificationKeys(issuer.keyring(2, 'Retiring')));
    expect(await changing.verify(jwt)).toMatchObject({ ok: true });
    changing.useKeys(buildVerificationKeys(issuer.keyring(3, 'Retired')));
    expect(await changing.verify(jwt)).toMatchObject({ ok: false });
  });
});
