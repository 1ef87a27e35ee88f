import { createPrivateKey, generateKeyPairSync, hash, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import {
  buildName,
  type EncodedName,
  parseSubject,
  type SubjectAltName,
  signCertificate,
} from './signed-certificate.ts';

const dayMilliseconds = 86_400_000;
/** Clocks differ: a certificate is valid a little before it is made. */
const backdatedMilliseconds = 5 * 60_000;

/** Entries of a `kubernetes.io/tls` Secret; identities carry `ca.crt` too. */
export const tlsEntries = { certificate: 'tls.crt', privateKey: 'tls.key', authority: 'ca.crt' } as const;

/** Days that a leaf lives, and after which it is renewed. */
export const leafLifetime = { days: 30, renewAfterDays: 20 } as const;
const authorityDays = 3_650;

export type CertificateAuthority = { readonly certificatePem: string; readonly privateKeyPem: string };

const generateKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

const exportPrivateKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** ms since 1970. */
type Validity = { readonly notBefore: number; readonly notAfter: number };

const readValidity = (certificatePem: string, privateKeyPem: string): Validity | 'damaged' => {
  try {
    const certificate = new X509Certificate(certificatePem);
    if (!certificate.checkPrivateKey(createPrivateKey(privateKeyPem))) return 'damaged';
    return { notBefore: Date.parse(certificate.validFrom), notAfter: Date.parse(certificate.validTo) };
  } catch {
    return 'damaged';
  }
};

// Each pass asks several times for each certificate of its tenant. By a hash: the cache is to hold no keys.
const validities = new LRUCache<string, Validity | 'damaged'>({ max: 512 });

const contentOf = (certificatePem: string, privateKeyPem: string): string =>
  hash('sha256', JSON.stringify([certificatePem, privateKeyPem]));

const wholeSeconds = (time: Date): number => Math.floor(time.getTime() / 1_000) * 1_000;

/** What was made here need not be parsed to be believed. Certificates count in seconds. */
const rememberMade = (certificatePem: string, privateKeyPem: string, notBefore: Date, notAfter: Date): void => {
  validities.set(contentOf(certificatePem, privateKeyPem), {
    notBefore: wholeSeconds(notBefore),
    notAfter: wholeSeconds(notAfter),
  });
};

/** An authority, read. */
type Issuer = { readonly name: EncodedName; readonly notAfter: Date; readonly signingKey: KeyObject };

// All certificates of a tenant are asked for one after the other.
const issuers = new LRUCache<string, Issuer>({ max: 16 });

const issuerOf = ({ certificatePem, privateKeyPem }: CertificateAuthority): Issuer => {
  const known = issuers.get(privateKeyPem);
  if (known !== undefined) return known;
  const certificate = new X509Certificate(certificatePem);
  const issuer = {
    name: parseSubject(certificate),
    notAfter: certificate.validToDate,
    signingKey: createPrivateKey(privateKeyPem),
  };
  issuers.set(privateKeyPem, issuer);
  return issuer;
};

/** A new CA of a tenant. Its name is unique: with two of one name in a bundle, OpenSSL tries the wrong one and gives up. */
export const generateCertificateAuthority = (tenant: string, now: Date): CertificateAuthority => {
  const { publicKey, privateKey } = generateKeys();
  const name = buildName(`${tenant} internal ${randomBytes(4).toString('hex')}`);
  const notBefore = new Date(now.getTime() - backdatedMilliseconds);
  const notAfter = new Date(now.getTime() + authorityDays * dayMilliseconds);
  const certificatePem = signCertificate(
    {
      issuer: name,
      subject: name,
      notBefore,
      notAfter,
      publicKey,
      use: { kind: 'authority' },
    },
    privateKey,
  );
  const privateKeyPem = exportPrivateKey(privateKey);
  issuers.set(privateKeyPem, { name, notAfter, signingKey: privateKey });
  rememberMade(certificatePem, privateKeyPem, notBefore, notAfter);
  return { certificatePem, privateKeyPem };
};

export type LeafRequest = {
  readonly commonName: string;
  /** SPIFFE id of a role of ours, or DNS names of a server that is reached by name. */
  readonly subjectAltNames: readonly SubjectAltName[];
  /** `authority` for the database, which cannot reload a certificate by itself. */
  readonly lifetime: 'leaf' | 'authority';
};

/** Entries of an identity Secret: certificate, private key and the CA to trust. */
export const issueCertificate = (
  authority: CertificateAuthority,
  request: LeafRequest,
  now: Date,
): Record<string, string> => {
  const issuer = issuerOf(authority);
  const { publicKey, privateKey } = generateKeys();
  const days = request.lifetime === 'leaf' ? leafLifetime.days : authorityDays;
  const notBefore = new Date(now.getTime() - backdatedMilliseconds);
  const notAfter = new Date(Math.min(now.getTime() + days * dayMilliseconds, issuer.notAfter.getTime()));
  const certificate = signCertificate(
    {
      issuer: issuer.name,
      subject: buildName(request.commonName),
      notBefore,
      notAfter,
      publicKey,
      use: { kind: 'peer', subjectAltNames: request.subjectAltNames },
    },
    issuer.signingKey,
  );
  const privateKeyPem = exportPrivateKey(privateKey);
  rememberMade(certificate, privateKeyPem, notBefore, notAfter);
  return {
    [tlsEntries.certificate]: certificate,
    [tlsEntries.privateKey]: privateKeyPem,
    [tlsEntries.authority]: authority.certificatePem,
  };
};

/** Of a certificate whose key is its own. */
const validityOf = (certificatePem: string, privateKeyPem: string): Validity | 'damaged' => {
  const content = contentOf(certificatePem, privateKeyPem);
  const validity = validities.get(content) ?? readValidity(certificatePem, privateKeyPem);
  validities.set(content, validity);
  return validity;
};

/** The CA in its Secret; undefined when it is missing, or what is there can sign nothing that would be believed. */
export const parseCertificateAuthority = (
  entries: Readonly<Record<string, string>> | undefined,
): CertificateAuthority | undefined => {
  const certificatePem = entries?.[tlsEntries.certificate] ?? '';
  const privateKeyPem = entries?.[tlsEntries.privateKey] ?? '';
  return validityOf(certificatePem, privateKeyPem) === 'damaged' ? undefined : { certificatePem, privateKeyPem };
};

/**
 * When a certificate has to be renewed: after two thirds of its life.
 * @returns undefined for what is no certificate, has a key that is none or not its own, or comes with another CA than
 * `authorityPem`: renew now.
 */
export const renewalTime = (entries: Readonly<Record<string, string>>, authorityPem: string): Date | undefined => {
  if (entries[tlsEntries.authority] !== authorityPem) return undefined;
  const validity = validityOf(entries[tlsEntries.certificate] ?? '', entries[tlsEntries.privateKey] ?? '');
  if (validity === 'damaged') return undefined;
  const { notBefore, notAfter } = validity;
  return new Date(notBefore + ((notAfter - notBefore) * leafLifetime.renewAfterDays) / leafLifetime.days);
};
