// @peculiar/x509 refuses to load without this polyfill.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { buildKubeconfig } from './kubeconfig.ts';

// P-256: a whole PKI takes a fraction of a second, RSA keys took several.
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 60 * 60 * 1000;
const lifetimeMs = 365 * dayMs;

interface Issuer {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

/** Who a certificate is for: `O` are groups and `CN` the user, as Kubernetes reads them. */
interface Subject {
  readonly cn: string;
  readonly group?: string;
  readonly names?: JsonGeneralName[];
}

const newKeys = async (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

const privateKeyPem = async (keys: webcrypto.CryptoKeyPair): Promise<string> =>
  PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');

const publicKeyPem = async (keys: webcrypto.CryptoKeyPair): Promise<string> =>
  PemConverter.encode(await webcrypto.subtle.exportKey('spki', keys.publicKey), 'PUBLIC KEY');

// A minute back: a certificate from the future is refused, and clocks of two processes may differ.
const validity = (now: number) => ({ notBefore: new Date(now - 60_000), notAfter: new Date(now + lifetimeMs) });

const newAuthority = async (cn: string, now: number): Promise<Issuer> => {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${cn}`,
    keys,
    signingAlgorithm: algorithm,
    ...validity(now),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true),
    ],
  });
  return { certificate, keys };
};

const newCertificate = async (issuer: Issuer, subject: Subject, now: number): Promise<Issuer> => {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: [...(subject.group === undefined ? [] : [{ O: [subject.group] }]), { CN: [subject.cn] }],
    issuer: issuer.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: algorithm,
    ...validity(now),
    extensions: [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
      ...(subject.names === undefined ? [] : [new SubjectAlternativeNameExtension(subject.names)]),
    ],
  });
  return { certificate, keys };
};

/** The nodes that need a certificate, and where the API answers. */
export interface PkiRequest {
  readonly directory: string;
  readonly cluster: string;
  readonly server: string;
  /** Addresses of the API: the host's, and the ClusterIP under which pods reach it. */
  readonly apiAddresses: readonly string[];
  readonly nodes: readonly { readonly name: string; readonly address: string }[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Writes every certificate, key and kubeconfig of a control plane (`admin.conf`, `controller-manager.conf` ...) and of
 * its nodes (`node-1.crt`, `node-1.conf`) into the directory, readable by this user alone.
 */
export const writePki = async ({ directory, cluster, server, apiAddresses, nodes, now }: PkiRequest): Promise<void> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const write = (file: string, text: string) => writeFile(path.join(directory, file), text, { mode: 0o600 });
  const save = async (name: string, { certificate, keys }: Issuer) => {
    await Promise.all([
      write(`${name}.crt`, `${certificate.toString('pem')}\n`),
      write(`${name}.key`, `${await privateKeyPem(keys)}\n`),
    ]);
  };

  const [ca, frontProxyCa] = await Promise.all([newAuthority('ca', now), newAuthority('front-proxy-ca', now)]);
  const caPem = ca.certificate.toString('pem');
  const certificate = async (name: string, subject: Subject, issuer = ca) =>
    save(name, await newCertificate(issuer, subject, now));
  const client = async (name: string, subject: Subject) => {
    const issued = await newCertificate(ca, subject, now);
    const text = buildKubeconfig({
      cluster,
      user: name,
      server,
      ca: caPem,
      certificate: issued.certificate.toString('pem'),
      key: await privateKeyPem(issued.keys),
    });
    await Promise.all([save(name, issued), write(`${name}.conf`, text)]);
  };

  const serviceAccountKeys = await newKeys();
  const apiNames = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  await Promise.all([
    save('ca', ca),
    save('front-proxy-ca', frontProxyCa),
    write('sa.key', await privateKeyPem(serviceAccountKeys)),
    write('sa.pub', await publicKeyPem(serviceAccountKeys)),
    certificate('apiserver', {
      cn: 'kube-apiserver',
      names: [
        ...apiAddresses.map((value) => ({ type: 'ip' as const, value })),
        ...[...apiNames, 'kubernetes.default.svc.cluster.local'].map((value) => ({ type: 'dns' as const, value })),
      ],
    }),
    certificate('apiserver-kubelet-client', { cn: 'kube-apiserver-kubelet-client', group: 'system:masters' }),
    certificate('front-proxy', { cn: 'front-proxy-client' }, frontProxyCa),
    client('admin', { cn: 'admin', group: 'system:masters' }),
    client('controller-manager', { cn: 'system:kube-controller-manager' }),
    client('scheduler', { cn: 'system:kube-scheduler' }),
    client('kube-proxy', { cn: 'system:kube-proxy' }),
    client('network-policies', { cn: 'local:network-policies' }),
    client('volume-recycler', { cn: 'local:volume-recycler' }),
    // This group and name are what the Node authorizer and NodeRestriction go by.
    ...nodes.map(({ name, address }) =>
      client(name, {
        cn: `system:node:${name}`,
        group: 'system:nodes',
        names: [
          { type: 'dns', value: name },
          { type: 'ip', value: address },
        ],
      }),
    ),
  ]);
};
