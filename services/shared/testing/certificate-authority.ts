import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type Role, spiffeId, type TenantName } from '../contracts/spiffe-id.ts';
import type { TlsMaterial } from '../identity.ts';

cryptoProvider.set(webcrypto);

const signing = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const day = 86_400_000;

/** A throw-away CA for tests and `make dev`. In a cluster the operator issues these certificates. */
export type CertificateAuthority = {
  /** PEM. */
  ca: string;
  /** A service's certificate with its SPIFFE id. */
  issueWorkload(name: TenantName & { role: Role }): Promise<TlsMaterial>;
  /** A server certificate for host names (`localhost`) or addresses (`127.0.0.1`). */
  issueServer(hosts: string[]): Promise<TlsMaterial>;
  /** A client's certificate. */
  issueClient(client: ClientName): Promise<TlsMaterial>;
};

type AlternativeName = { type: 'url' | 'dns' | 'ip' | 'email'; value: string };

/** What a client's certificate says; `days` until its end, 30 unless said otherwise. */
export type ClientName = { subject: string; names?: AlternativeName[]; days?: number };

const generateKeys = () => webcrypto.subtle.generateKey(signing, true, ['sign', 'verify']);

const privateKeyPem = async (keys: webcrypto.CryptoKeyPair): Promise<string> =>
  PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');

const validity = (days: number) => ({
  // One that has ended had begun.
  notBefore: new Date(Date.now() - 60_000 + Math.min(0, days) * 2 * day),
  notAfter: new Date(Date.now() + days * day),
});

/** A certificate of its own, which no CA vouches for. */
export const issueSelfSigned = async ({ subject, names = [], days = 30 }: ClientName): Promise<TlsMaterial> => {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(days),
    name: subject,
    keys,
    signingAlgorithm: signing,
    extensions: names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)],
  });
  const cert = certificate.toString('pem');
  return { cert, key: await privateKeyPem(keys), ca: cert };
};

export const createCertificateAuthority = async (): Promise<CertificateAuthority> => {
  const caKeys = await generateKeys();
  const root: X509Certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(365),
    // A name of its own for each CA, or OpenSSL tries the wrong one of a bundle and stops there.
    name: `CN=test CA ${webcrypto.randomUUID()}`,
    keys: caKeys,
    signingAlgorithm: signing,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const ca = root.toString('pem');

  const issue = async (subject: string, names: AlternativeName[], days = 30): Promise<TlsMaterial> => {
    const keys = await generateKeys();
    const certificate = await X509CertificateGenerator.create({
      ...validity(days),
      subject,
      issuer: root.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: signing,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
      ],
    });
    return { cert: certificate.toString('pem'), key: await privateKeyPem(keys), ca };
  };
  return {
    ca,
    issueWorkload: (name) => issue(`CN=${name.role}`, [{ type: 'url', value: spiffeId(name) }]),
    issueServer: (hosts) =>
      issue(
        `CN=${hosts[0] ?? 'localhost'}`,
        hosts.map((value) => ({ type: /^[0-9.]+$/.test(value) || value.includes(':') ? 'ip' : 'dns', value })),
      ),
    issueClient: ({ subject, names = [], days }) => issue(subject, names, days),
  };
};

/** Writes `tls.crt`, `tls.key` and `ca.crt` as the services read them. Each file is replaced in one step. */
export const writeTlsMaterial = (directory: string, { cert, key, ca }: TlsMaterial): void => {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries({ 'tls.crt': cert, 'tls.key': key, 'ca.crt': ca })) {
    writeFileSync(join(directory, `.${name}`), text, { mode: 0o600 });
    renameSync(join(directory, `.${name}`), join(directory, name));
  }
};
