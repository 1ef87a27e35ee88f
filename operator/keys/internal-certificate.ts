import 'reflect-metadata';
import { X509Certificate as ParsedCertificate, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

cryptoProvider.set(webcrypto);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMilliseconds = 86_400_000;
/** Clocks differ: a certificate is valid a little before it is made. */
const backdatedMilliseconds = 5 * 60_000;

/** Entries of a `kubernetes.io/tls` Secret; identities carry `ca.crt` too. */
export const tlsEntries = { certificate: 'tls.crt', privateKey: 'tls.key', authority: 'ca.crt' } as const;

/** Days that a leaf lives, and after which it is renewed. */
export const leafLifetime = { days: 30, renewAfterDays: 20 } as const;
const authorityDays = 3_650;

export type CertificateAuthority = { readonly certificatePem: string; readonly privateKeyPem: string };

const generateKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

const exportPrivateKey = async (key: webcrypto.CryptoKey): Promise<string> =>
  PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');

const importPrivateKey = (pem: string): Promise<webcrypto.CryptoKey> => {
  const der = PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
};

const serialNumber = (): string => Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex');

/** A new CA of a tenant. Its name is unique: with two of one name in a bundle, OpenSSL tries the wrong one and gives up. */
export const generateCertificateAuthority = async (tenant: string, now: Date): Promise<CertificateAuthority> => {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [`${tenant} internal ${serialNumber().slice(0, 8)}`] }],
    notBefore: new Date(now.getTime() - backdatedMilliseconds),
    notAfter: new Date(now.getTime() + authorityDays * dayMilliseconds),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificatePem: certificate.toString('pem'), privateKeyPem: await exportPrivateKey(keys.privateKey) };
};

export type LeafRequest = {
  readonly commonName: string;
  /** SPIFFE id of a role of ours, or DNS names of a server that is reached by name. */
  readonly subjectAltNames: JsonGeneralNames;
  /** `authority` for the database, which cannot reload a certificate by itself. */
  readonly lifetime: 'leaf' | 'authority';
};

/** Entries of an identity Secret: certificate, private key and the CA to trust. */
export const issueCertificate = async (
  authority: CertificateAuthority,
  request: LeafRequest,
  now: Date,
): Promise<Record<string, string>> => {
  const issuer = new X509Certificate(authority.certificatePem);
  const keys = await generateKeys();
  const days = request.lifetime === 'leaf' ? leafLifetime.days : authorityDays;
  const notAfter = new Date(Math.min(now.getTime() + days * dayMilliseconds, issuer.notAfter.getTime()));
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [request.commonName] }],
    issuer: issuer.subject,
    notBefore: new Date(now.getTime() - backdatedMilliseconds),
    notAfter,
    publicKey: keys.publicKey,
    signingKey: await importPrivateKey(authority.privateKeyPem),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(request.subjectAltNames),
    ],
  });
  return {
    [tlsEntries.certificate]: certificate.toString('pem'),
    [tlsEntries.privateKey]: await exportPrivateKey(keys.privateKey),
    [tlsEntries.authority]: authority.certificatePem,
  };
};

/**
 * When a certificate has to be renewed: after two thirds of its life.
 * @returns undefined for what is no certificate or is signed by another CA than `authorityPem`: renew now.
 */
export const renewalTime = (entries: Readonly<Record<string, string>>, authorityPem: string): Date | undefined => {
  if (entries[tlsEntries.authority] !== authorityPem) return undefined;
  try {
    // By OpenSSL: asked for each certificate in each pass, where a parser in JavaScript takes most of the pass.
    const { validFrom, validTo } = new ParsedCertificate(entries[tlsEntries.certificate] ?? '');
    const notBefore = Date.parse(validFrom);
    const life = Date.parse(validTo) - notBefore;
    return new Date(notBefore + (life * leafLifetime.renewAfterDays) / leafLifetime.days);
  } catch {
    return undefined;
  }
};
