import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import {
  type Keyring,
  keyringFileName,
  keyringSchema,
  type SigningAlgorithm,
} from '../../services/shared/contracts/keyring.ts';

const generateKeyPair = (algorithm: SigningAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } => {
  switch (algorithm) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
    case 'RS256':
    case 'PS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
};

/** Entry of a private key (PKCS#8) in the Secret. */
export const privateKeyEntry = (kid: string): string => `${kid}.pem`;

/**
 * Entries of a new `<tenant>-signing-keys`: a keyring of one key and its private part. The very first key is born
 * Active: nobody can have cached a JWKS without it.
 */
export const generateSigningKeys = async (algorithm: SigningAlgorithm, now: Date): Promise<Record<string, string>> => {
  const { publicKey, privateKey } = generateKeyPair(algorithm);
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  const instant = now.toISOString();
  const keyring = keyringSchema.parse({
    uuid: randomUUID(),
    revision: 1,
    keys: [
      {
        kid,
        algorithm,
        state: 'Active',
        createdAt: instant,
        publishedAt: instant,
        activatedAt: instant,
        publicJwk: { ...jwk, kid, alg: algorithm, use: 'sig' },
      },
    ],
  });
  return {
    [keyringFileName]: JSON.stringify(keyring),
    [privateKeyEntry(kid)]: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};

/** The keyring in a Secret's entries; undefined when it is missing or none. */
export const parseKeyring = (entries: Readonly<Record<string, string>>): Keyring | undefined => {
  try {
    return keyringSchema.parse(JSON.parse(entries[keyringFileName] ?? ''));
  } catch {
    return undefined;
  }
};
