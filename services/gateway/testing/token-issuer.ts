import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { Keyring, SigningKey } from '../../shared/contracts/keyring.ts';

/** Signs access tokens as auth does (RFC 9068), and any other token that a test needs. */
export type TokenIssuer = {
  keyring(revision: number, state?: SigningKey['state']): Keyring;
  key: SigningKey;
  privateKey: CryptoKey;
  /** `undefined` in `claims` takes a claim away. */
  sign(claims?: Record<string, unknown>, header?: { typ?: string; kid?: string }): Promise<string>;
};

export const exampleIssuer = 'https://id.example.com';

const exampleClaims = () => {
  const now = Math.floor(Date.now() / 1_000);
  return {
    iss: exampleIssuer,
    aud: 'https://api.example.com',
    sub: 'user-1',
    client_id: 'shop',
    scope: 'orders:read orders:write',
    iat: now,
    exp: now + 300,
    jti: crypto.randomUUID(),
  };
};

export const createTokenIssuer = async (): Promise<TokenIssuer> => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  const key: SigningKey = {
    kid,
    algorithm: 'ES256',
    state: 'Active',
    createdAt: new Date().toISOString(),
    publicJwk: { ...jwk, kty: 'EC', kid, alg: 'ES256', use: 'sig' },
  };
  return {
    key,
    privateKey,
    keyring: (revision, state = 'Active') => ({ uuid: crypto.randomUUID(), revision, keys: [{ ...key, state }] }),
    sign: (claims = {}, header = {}) =>
      // `as`: tests sign claims of wrong types on purpose.
      new SignJWT({ ...exampleClaims(), ...claims } as JWTPayload)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid, ...header })
        .sign(privateKey),
  };
};
