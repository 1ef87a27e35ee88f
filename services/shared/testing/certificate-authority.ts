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
};

const generateKeys = () => webcrypto.subtle.generateKey(signing, true, ['sign', 'verify']);

const privateKeyPem = async (keys: webcrypto.CryptoKeyPair): Promise<string> =>
  PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');

const validity = (days: number) => ({
  notBefore: new Date(Date.now() - 60_000),
  notAfter: new Date(Date.now() + days * day),
});

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

  const issue = async (
    commonName: string,
    names: { type: 'url' | 'dns' | 'ip'; value: string }[],
  ): Promise<TlsMaterial> => {
    const keys = await generateKeys();
    const certificate = await X509CertificateGenerator.create({
      ...validity(30),
      subject: `CN=${commonName}`,
      issuer: root.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: signing,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension(names),
      ],
    });
    return { cert: certificate.toString('pem'), key: await privateKeyPem(keys), ca };
  };
  return {
    ca,
    issueWorkload: (name) => issue(name.role, [{ type: 'url', value: spiffeId(name) }]),
    issueServer: (hosts) =>
      issue(
        hosts[0] ?? 'localhost',
        hosts.map((value) => ({ type: /^[0-9.]+$/.test(value) || value.includes(':') ? 'ip' : 'dns', value })),
      ),
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
