import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { buildName, type CertificateUse, parseSubject, signCertificate } from './signed-certificate.ts';

const generateKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const authorityKeys = generateKeys();
const name = buildName('an authority');

const signed = (use: CertificateUse, issuer = name) =>
  new X509Certificate(
    signCertificate(
      {
        issuer,
        subject: use.kind === 'authority' ? name : buildName('a peer'),
        notBefore: new Date('2026-01-01T00:00:00Z'),
        // Times after 2049 have another form (RFC 5280, 4.1.2.5).
        notAfter: new Date('2050-01-01T00:00:00Z'),
        publicKey: use.kind === 'authority' ? authorityKeys.publicKey : generateKeys().publicKey,
        use,
      },
      authorityKeys.privateKey,
    ),
  );

const peer: CertificateUse = {
  kind: 'peer',
  subjectAltNames: [
    { type: 'url', value: 'spiffe://acme.shop/auth' },
    { type: 'dns', value: 'acme-database.shop.svc' },
    { type: 'ip', value: '127.0.0.1' },
  ],
};

it('an authority signs peers, which name it as it names itself', () => {
  const authority = signed({ kind: 'authority' });
  const certificate = signed(peer, parseSubject(authority));
  expect(authority.ca).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(certificate.checkIssued(authority)).toBe(true);
  expect(certificate.verify(authority.publicKey)).toBe(true);
});

it('a peer serves and connects, under each of its names', () => {
  const certificate = signed(peer);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  expect(certificate.subjectAltName).toBe(
    'URI:spiffe://acme.shop/auth, DNS:acme-database.shop.svc, IP Address:127.0.0.1',
  );
  expect(certificate.subject).toBe('CN=a peer');
  expect(certificate.validToDate).toEqual(new Date('2050-01-01T00:00:00Z'));
});

it('no two have one serial number, and each is a positive number of 16 bytes', () => {
  const numbers = Array.from({ length: 100 }, () => signed(peer).serialNumber);
  expect(new Set(numbers).size).toBe(100);
  expect(numbers.every((text) => /^[0-7][0-9A-F]{31}$/.test(text))).toBe(true);
});
