import { describe, expect, it } from 'vitest';
import { generateSigningKeys } from '../../keys/signing-keyring.ts';
import { decideKeysHealthy } from './keys-healthy.ts';

const secret = (entries: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'acme-signing-keys', uid: 'u', resourceVersion: '1' },
  entries,
});

describe('the signing keys', () => {
  it('are waited for until they are made', () => {
    expect(decideKeysHealthy(undefined)).toMatchObject({ status: 'Unknown', reason: 'Waiting' });
  });

  it('are healthy with an active one', async () => {
    const entries = await generateSigningKeys('ES256', new Date('2026-01-01T00:00:00Z'));
    const verdict = decideKeysHealthy(secret(entries));
    expect(verdict).toMatchObject({ status: 'True', reason: 'KeyActive' });
    expect(verdict.message).toMatch(/^key \S+ \(ES256\) signs since 2026-01-01T00:00:00.000Z$/);
  });

  it.each([
    ['nothing in the Secret', {}],
    ['a keyring that is none', { 'keyring.json': 'BEGIN PRIVATE' }],
  ])('are not with %s, of which nothing is shown', (_what, entries) => {
    const verdict = decideKeysHealthy(secret(entries));
    expect(verdict).toMatchObject({ status: 'False', reason: 'NoActiveKey' });
    expect(verdict.message).not.toContain('PRIVATE');
  });
});
