import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  generateCertificateAuthority,
  issueCertificate,
  renewalTime,
  tlsEntries,
} from '../../operator/keys/internal-certificate.ts';
import {
  generateCookieKeys,
  generateDataEncryptionKeys,
  generatePairwiseSalt,
} from '../../operator/keys/random-secrets.ts';
import { generateSigningKeys } from '../../operator/keys/signing-keyring.ts';
import { keyringFileName } from '../../services/shared/contracts/keyring.ts';
import { roles, spiffeId } from '../../services/shared/contracts/spiffe-id.ts';
import { type DevPaths, devTenant } from './settings.ts';

type Entries = Readonly<Record<string, string>>;

/** Replaces a folder by these files, readable for their owner alone. A crash between leaves the old one or none. */
export const writeSecretFolder = async (directory: string, entries: Entries): Promise<void> => {
  const staging = `${directory}.${randomUUID()}`;
  await mkdir(staging, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(entries)) {
    await writeFile(path.join(staging, name), content, { mode: 0o600 });
  }
  await rm(directory, { recursive: true, force: true });
  await rename(staging, directory);
};

/** Whether there is something at this path. */
const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** Keeps what an earlier run made. */
const ensureSecretFolder = async (directory: string, generate: () => Entries | Promise<Entries>): Promise<void> => {
  if (!(await exists(directory))) await writeSecretFolder(directory, await generate());
};

const readEntries = async (directory: string): Promise<Entries> => {
  const texts = Object.values(tlsEntries).map(
    async (name) => [name, await readFile(path.join(directory, name), 'utf8').catch(() => '')] as const,
  );
  return Object.fromEntries(await Promise.all(texts));
};

/**
 * The public certificate and the CA to trust it by. The CA's private key is never written, so that nobody can abuse the
 * trust that a developer's browser puts in it; that costs a new CA when the certificate comes of age, after 20 days.
 */
const ensurePublicCertificate = async ({ publicTls, ca }: DevPaths, now: Date): Promise<void> => {
  const present = await readEntries(publicTls);
  const renewal = renewalTime(present, present[tlsEntries.authority] ?? '');
  if (renewal === undefined || renewal <= now) {
    const authority = await generateCertificateAuthority('make dev', now);
    const subjectAltNames = [
      { type: 'dns' as const, value: 'localhost' },
      { type: 'ip' as const, value: '127.0.0.1' },
    ];
    await writeSecretFolder(
      publicTls,
      await issueCertificate(authority, { commonName: 'localhost', subjectAltNames, lifetime: 'leaf' }, now),
    );
  }
  await copyFile(path.join(publicTls, tlsEntries.authority), ca);
};

/** A CA for this run alone and a certificate of each role. */
const writeIdentities = async (paths: DevPaths, now: Date): Promise<void> => {
  const authority = await generateCertificateAuthority(devTenant.tenant, now);
  for (const role of roles) {
    const request = {
      commonName: role,
      subjectAltNames: [{ type: 'url' as const, value: spiffeId({ ...devTenant, role }) }],
      lifetime: 'leaf' as const,
    };
    await writeSecretFolder(paths.identity(role), await issueCertificate(authority, request, now));
  }
};

/** Whether an earlier run left the keys that its data is sealed with; without them that data is of no use. */
export const hasDataEncryptionKeys = (paths: DevPaths): Promise<boolean> => exists(paths.dataEncryptionKeys);

/** Makes what is missing: keys are kept from run to run, certificates of the services are new each time. */
export const ensureDevSecrets = async (paths: DevPaths, now: Date): Promise<void> => {
  await ensureSecretFolder(paths.signingKeys, () => generateSigningKeys('ES256', now));
  await ensureSecretFolder(paths.cookieKeys, generateCookieKeys);
  await ensureSecretFolder(paths.pairwiseSalt, generatePairwiseSalt);
  await ensureSecretFolder(paths.dataEncryptionKeys, generateDataEncryptionKeys);
  // The gateway gets no private key, here as there.
  await writeSecretFolder(paths.keyring, {
    [keyringFileName]: await readFile(path.join(paths.signingKeys, keyringFileName), 'utf8'),
  });
  await ensurePublicCertificate(paths, now);
  await writeIdentities(paths, now);
};
