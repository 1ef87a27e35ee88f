import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compactVerify, createLocalJWKSet, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signingAlgorithmSchema } from '../../shared/contracts/keyring.ts';
import { buildTestKeyring, createTestKey, type TestKey, writeTestKeyring } from '../testing/signing-keys.ts';
import { createIdTokenHintVerifier } from './id-token-hint.ts';
import { buildJsonWebKeySet, buildJwksAnswer } from './json-web-key-set.ts';
import { buildProviderKeys } from './provider-keys.ts';
import { readSigningKeys } from './signing-key-files.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'auth-keys-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (keys: readonly TestKey[]): void => writeTestKeyring(directory, buildTestKeyring(keys), keys);
const base64url = (text: string): string => Buffer.from(text).toString('base64url');

describe('buildProviderKeys', () => {
  it.each(signingAlgorithmSchema.options)('signs with %s as the standard library verifies', async (algorithm) => {
    write([await createTestKey(algorithm, 'Active')]);
    const keys = readSigningKeys(directory);
    const [key] = buildProviderKeys(keys);
    const head = `${base64url(JSON.stringify({ alg: algorithm, kid: key?.kid }))}.${base64url('{}')}`;
    const signature = Buffer.from((await key?.sign(Buffer.from(head))) ?? []).toString('base64url');
    const jwks = createLocalJWKSet(buildJsonWebKeySet(keys.keyring));
    expect((await compactVerify(`${head}.${signature}`, jwks)).protectedHeader.alg).toBe(algorithm);
    expect([key?.alg, key?.use, key?.key_ops]).toEqual([algorithm, 'sig', ['sign', 'verify']]);
  });

  it('lets no other key sign', async () => {
    write([await createTestKey('ES256', 'Superseded'), await createTestKey('ES256', 'Active')]);
    const [old, active] = buildProviderKeys(readSigningKeys(directory));
    expect(old?.key_ops).toEqual(['verify']);
    expect(() => old?.sign(Buffer.from('data'))).toThrow('may not sign');
    expect(active?.key_ops).toContain('sign');
  });
});

describe('readSigningKeys', () => {
  it.each([
    ['no active key', ['Published', 'Retired']],
    ['two active keys', ['Active', 'Active']],
  ] as const)('refuses %s', async (_name, states) => {
    write(await Promise.all(states.map((state) => createTestKey('ES256', state))));
    expect(() => readSigningKeys(directory)).toThrow(/active keys/);
  });

  it('refuses a private key that is missing, broken, or of another key', async () => {
    const [key, other] = [await createTestKey('ES256', 'Active'), await createTestKey('ES256', 'Active')];
    const keyring = buildTestKeyring([key]);
    writeTestKeyring(directory, keyring, []);
    expect(() => readSigningKeys(directory)).toThrow('no readable private part');
    writeFileSync(join(directory, `${key.key.kid}.pem`), 'broken');
    expect(() => readSigningKeys(directory)).toThrow('no readable private part');
    writeFileSync(join(directory, `${key.key.kid}.pem`), other.pem);
    expect(() => readSigningKeys(directory)).toThrow('another public key');
  });
});

describe('buildJwksAnswer', () => {
  it('tells of all keys but retired ones, in public members, with a tag that follows the content', async () => {
    const states = ['Pending', 'Published', 'Active', 'Superseded', 'Retiring', 'Retired'] as const;
    const keys = await Promise.all(states.map((state) => createTestKey('ES256', state)));
    const answer = buildJwksAnswer(buildTestKeyring(keys), 600);
    const told: { kid: string }[] = JSON.parse(answer.body).keys;
    expect(told.map(({ kid }) => kid)).toEqual(keys.slice(0, 5).map(({ key }) => key.kid));
    expect(told.every((jwk) => !('d' in jwk))).toBe(true);
    expect(answer.headers['Cache-Control']).toBe('public, max-age=600');
    expect(buildJwksAnswer(buildTestKeyring(keys, 2), 600).headers['ETag']).toBe(answer.headers['ETag']);
    expect(buildJwksAnswer(buildTestKeyring(keys.slice(1)), 600).headers['ETag']).not.toBe(answer.headers['ETag']);
  });
});

describe('createIdTokenHintVerifier', () => {
  const issuer = 'https://id.example';
  const sign = async (key: TestKey, claims: Record<string, unknown>): Promise<string> => {
    write([key]);
    const { active } = readSigningKeys(directory);
    return new SignJWT(claims).setProtectedHeader({ alg: key.key.algorithm, kid: key.key.kid }).sign(active.privateKey);
  };

  it('accepts an expired token of a retired key and of another algorithm than today’s', async () => {
    const signer = await createTestKey('RS256', 'Active');
    const hint = await sign(signer, { iss: issuer, aud: 'shop', sub: 'ada', exp: 1 });
    const retired = { ...signer, key: { ...signer.key, state: 'Retired' as const } };
    const verify = createIdTokenHintVerifier(
      issuer,
      buildTestKeyring([retired, await createTestKey('ES256', 'Active')]),
    );
    expect((await verify(hint, 'shop')).payload.sub).toBe('ada');
    await expect(verify(hint, 'other')).rejects.toThrow('another client');
  });

  it('refuses what we have not signed for this client', async () => {
    const [ours, foreign] = [await createTestKey('ES256', 'Active'), await createTestKey('ES256', 'Active')];
    const verify = createIdTokenHintVerifier(issuer, buildTestKeyring([ours]));
    const good = { iss: issuer, aud: 'shop', sub: 'ada' };
    await expect(verify(await sign(foreign, good), 'shop')).rejects.toThrow();
    await expect(verify(await sign(ours, { ...good, iss: 'https://evil.example' }), 'shop')).rejects.toThrow('issuer');
    await expect(verify(await sign(ours, { aud: 'shop', iss: issuer }), 'shop')).rejects.toThrow();
    await expect(
      verify(`${base64url('{"alg":"none"}')}.${base64url(JSON.stringify(good))}.`, 'shop'),
    ).rejects.toThrow();
  });
});
