import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import type { Keyring, SigningAlgorithm, SigningKey } from '../../shared/contracts/keyring.ts';

/** A key with its private part, as the operator would make it. */
export type TestKey = { key: SigningKey; pem: string };

const generate = (algorithm: SigningAlgorithm) => {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
};

export const createTestKey = async (algorithm: SigningAlgorithm, state: SigningKey['state']): Promise<TestKey> => {
  const { publicKey, privateKey } = generate(algorithm);
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  const publicJwk = { ...jwk, kty: jwk.kty ?? '', kid, alg: algorithm, use: 'sig' as const };
  return {
    key: { kid, algorithm, state, createdAt: new Date().toISOString(), publicJwk },
    pem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
};

export const buildTestKeyring = (keys: readonly TestKey[], revision = 1, uuid: string = randomUUID()): Keyring => ({
  uuid,
  revision,
  keys: keys.map(({ key }) => key),
});

/** Writes private keys first and the keyring last, each in one step. */
export const writeTestKeyring = (directory: string, keyring: Keyring, keys: readonly TestKey[]): void => {
  mkdirSync(directory, { recursive: true });
  const write = (file: string, text: string): void => {
    writeFileSync(join(directory, `.${file}`), text, { mode: 0o600 });
    renameSync(join(directory, `.${file}`), join(directory, file));
  };
  for (const { key, pem } of keys) write(`${key.kid}.pem`, pem);
  write('keyring.json', JSON.stringify(keyring));
};
