import { X509Certificate as NodeCertificate } from 'node:crypto';
import { importJWK, importPKCS8, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  generateCertificateAuthority,
  issueCertificate,
  parseCertificateAuthority,
  renewalTime,
} from './internal-certificate.ts';
import { generateSigningKeys, parseKeyring, privateKeyEntry } from './signing-keyring.ts';

const now = new Date('2026-01-01T00:00:00Z');

describe('signing keys', () => {
  it.each(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)(
    'a new keyring of %s has one active key that signs',
    async (algorithm) => {
      const entries = await generateSigningKeys(algorithm, now);
      const key = parseKeyring(entries)?.keys[0];
      if (key === undefined) throw new Error('no key');
      const privateKey = await importPKCS8(entries[privateKeyEntry(key.kid)] ?? '', algorithm);
      const token = await new SignJWT({}).setProtectedHeader({ alg: algorithm, kid: key.kid }).sign(privateKey);
      const { protectedHeader } = await jwtVerify(token, await importJWK(key.publicJwk, algorithm));
      expect(protectedHeader.kid).toBe(key.kid);
      expect(key.state).toBe('Active');
      expect(entries['keyring.json']).not.toContain('"d"');
    },
  );

  it('what is no keyring is none', () => {
    expect(parseKeyring({})).toBeUndefined();
    expect(parseKeyring({ 'keyring.json': '{"uuid": 1}' })).toBeUndefined();
  });
});

describe('internal certificates', () => {
  const request = {
    commonName: 'auth',
    subjectAltNames: [{ type: 'url' as const, value: 'spiffe://acme.shop/auth' }],
    lifetime: 'leaf' as const,
  };

  it('are signed by the CA and carry the SPIFFE id', async () => {
    const authority = generateCertificateAuthority('acme', now);
    const entries = issueCertificate(authority, request, now);
    const certificate = new NodeCertificate(entries['tls.crt'] ?? '');
    expect(certificate.verify(new NodeCertificate(authority.certificatePem).publicKey)).toBe(true);
    expect(certificate.subjectAltName).toBe('URI:spiffe://acme.shop/auth');
    expect(certificate.ca).toBe(false);
  });

  it('are renewed after 20 of 30 days', async () => {
    const authority = generateCertificateAuthority('acme', now);
    const entries = issueCertificate(authority, request, now);
    const days = ((renewalTime(entries, authority.certificatePem)?.getTime() ?? 0) - now.getTime()) / 86_400_000;
    expect(days).toBeCloseTo(20, 1);
  });

  it('are known without being read, as who reads them finds them', () => {
    const madeAt = new Date('2026-01-01T00:00:00.789Z');
    const authority = generateCertificateAuthority('acme', madeAt);
    const entries = issueCertificate(authority, request, madeAt);
    // The same certificate, in a text that was not made here.
    const strange = { ...entries, 'tls.crt': `${entries['tls.crt']}\n` };
    expect(renewalTime(strange, authority.certificatePem)).toBeDefined();
    expect(renewalTime(entries, authority.certificatePem)).toEqual(renewalTime(strange, authority.certificatePem));
  });

  it('are renewed at once under another CA, or when they are none', async () => {
    const authority = generateCertificateAuthority('acme', now);
    const other = generateCertificateAuthority('acme', now);
    expect(renewalTime(issueCertificate(authority, request, now), other.certificatePem)).toBeUndefined();
    expect(renewalTime({ 'ca.crt': authority.certificatePem }, authority.certificatePem)).toBeUndefined();
  });

  it('are renewed at once when they are damaged, or their key is another one', () => {
    const authority = generateCertificateAuthority('acme', now);
    const entries = issueCertificate(authority, request, now);
    const other = issueCertificate(authority, request, now);
    for (const damage of [
      { 'tls.key': undefined },
      { 'tls.key': 'damaged' },
      { 'tls.key': other['tls.key'] },
      { 'tls.crt': 'damaged' },
    ])
      expect(
        renewalTime({ ...entries, ...damage } as Record<string, string>, authority.certificatePem),
      ).toBeUndefined();
  });

  it('need a CA that is whole', () => {
    const authority = generateCertificateAuthority('acme', now);
    const entries = { 'tls.crt': authority.certificatePem, 'tls.key': authority.privateKeyPem };
    expect(parseCertificateAuthority(entries)).toEqual(authority);
    const { privateKeyPem } = generateCertificateAuthority('acme', now);
    for (const damaged of [
      undefined,
      {},
      { ...entries, 'tls.key': privateKeyPem },
      { ...entries, 'tls.crt': 'damaged' },
    ])
      expect(parseCertificateAuthority(damaged)).toBeUndefined();
  });
});
