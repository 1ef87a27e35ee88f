import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { type Role, roles, spiffeId, type TenantName } from './contracts/spiffe-id.ts';
import { watchDirectory } from './watched-directory.ts';

/**
 * The role that a certificate proves for this tenant, by its `subjectaltname` as Node prints it. A certificate has exactly
 * one URI (SPIFFE X509-SVID, section 2). Node puts quotes around values that could be taken for several: none is ours.
 */
export const roleInSubjectAltName = (subjectAltName: string | undefined, name: TenantName): Role | undefined => {
  if (subjectAltName === undefined || subjectAltName.includes('"')) {
    return undefined;
  }
  const uris = subjectAltName.split(', ').filter((entry) => entry.startsWith('URI:'));
  if (uris.length !== 1) {
    return undefined;
  }
  return roles.find((role) => uris[0] === `URI:${spiffeId({ ...name, role })}`);
};

/** PEM of certificate, private key and the CAs that are trusted (several while a CA rolls). */
export type TlsMaterial = { cert: string; key: string; ca: string };

/** This process's certificate, as it is now. */
export type WorkloadIdentity = TenantName & {
  current(): TlsMaterial;
  /** Called after each change; there is no way to stop, identities live as long as their process or test. */
  onChange(listener: () => void): void;
};

const readMaterial = (directory: string): TlsMaterial => {
  const [cert, key, ca] = ['tls.crt', 'tls.key', 'ca.crt'].map((name) => readFileSync(join(directory, name), 'utf8'));
  if (cert === undefined || key === undefined || ca === undefined) {
    throw new Error('unreachable: three names make three files');
  }
  const material = { cert, key, ca };
  // Throws when key and certificate do not belong together, as between two writes of `make dev`.
  createSecureContext(material);
  return material;
};

/**
 * Reads `tls.crt`, `tls.key`, `ca.crt` and reads them again when they change. Throws when they cannot be used at start;
 * later the last good ones stay in use.
 */
export const loadWorkloadIdentity = (
  directory: string,
  { tenant, namespace, signal, logger }: TenantName & { signal: AbortSignal; logger: Logger },
): WorkloadIdentity => {
  const listeners: (() => void)[] = [];
  watchDirectory(directory, {
    signal,
    logger,
    onChange: () => {
      material = readMaterial(directory);
      for (const listener of listeners) {
        listener();
      }
      logger.info({ directory }, 'workload identity taken over');
    },
  });
  let material = readMaterial(directory);
  return { tenant, namespace, current: () => material, onChange: (listener) => listeners.push(listener) };
};
