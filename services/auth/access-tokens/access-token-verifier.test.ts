import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAccessTokenVerifier } from './access-token-verifier.ts';

const issuer = 'https://id.shop.example';
const issuedAt = 1_800_000_000;
const claims = { sub: 'ada', aud: 'https://api.shop.example', jti: 'j', client_id: 'shop' };

const startVerifier = async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const clock = { now: issuedAt * 1000 };
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }] };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k' })
    .setIssuer(issuer)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + 60)
    .sign(privateKey);
  const revoked = new Set<string>();
  const isRevoked = (kid: string): boolean => revoked.has(kid);
  return { token, clock, revoked, verify: createAccessTokenVerifier(issuer, jwks, isRevoked, () => clock.now) };
};

describe('createAccessTokenVerifier', () => {
  it('knows a token for exactly as long as it lives, however often it is asked', async () => {
    const { token, clock, verify } = await startVerifier();
    for (const second of [0, 1, 59]) {
      clock.now = (issuedAt + second) * 1000;
      expect(await verify(token)).toMatchObject({ sub: 'ada', client_id: 'shop' });
    }
    for (const second of [60, 61, 1]) {
      clock.now = (issuedAt + second) * 1000;
      expect((await verify(token)) === undefined).toBe(second !== 1);
    }
  });

  it('knows it no more once its key was revoked', async () => {
    const { token, revoked, verify } = await startVerifier();
    expect(await verify(token)).toBeDefined();
    revoked.add('k');
    expect(await verify(token)).toBeUndefined();
  });

  it('takes no other token for one that it knows', async () => {
    const { token, verify } = await startVerifier();
    await verify(token);
    const [header, , signature] = token.split('.');
    const forged = Buffer.from(
      JSON.stringify({ ...claims, sub: 'eve', iss: issuer, exp: issuedAt + 60, iat: issuedAt }),
    );
    expect(await verify(`${header}.${forged.toString('base64url')}.${signature}`)).toBeUndefined();
    expect(await verify(`${token}x`)).toBeUndefined();
  });
});
