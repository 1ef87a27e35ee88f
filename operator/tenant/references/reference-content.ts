import { X509Certificate } from 'node:crypto';
import { parseCacheUrl } from '../../../services/shared/contracts/cache-url.ts';
import { parseSmtpUrl } from '../../../services/shared/contracts/smtp-url.ts';
import { databaseCaEntry, databaseUrlEntries, isDatabaseUrl } from '../../manifests/database-connection.ts';
import { clientCaEntry } from '../../manifests/mounts.ts';
import { clusterUrlEntry } from '../database/database-sources.ts';
import type { ObservedReference, ReferencedObject } from '../observed.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';
import { isTrustBundle, referenceFields } from './spec-references.ts';

type ContentFault = Pick<TenantVerdict, 'reason' | 'message'>;

const certificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).ca !== undefined;
  } catch {
    return false;
  }
};

/** Bundles hold up to hundreds of certificates, and tenants look at theirs in every pass. */
const judged = new WeakMap<ReferencedObject, Map<string, boolean>>();

const holdsCertificates = (object: ReferencedObject, entry: string): boolean => {
  const known = judged.get(object) ?? new Map<string, boolean>();
  judged.set(object, known);
  const before = known.get(entry);
  if (before !== undefined) return before;
  const found = object.entries[entry]?.match(certificates) ?? [];
  const verdict = found.length > 0 && found.every(isCertificate);
  known.set(entry, verdict);
  return verdict;
};

const findBundleFault = (
  { kind, name }: ObservedReference,
  object: ReferencedObject,
  entry: string,
): ContentFault | undefined =>
  object.entries[entry] === undefined || holdsCertificates(object, entry)
    ? undefined
    : {
        reason: 'TrustBundleInvalid',
        message: `key "${entry}" of ${kind} "${name}" holds no PEM certificate, or one that cannot be read; put certificates there`,
      };

const findDatabaseUrlFault = (
  { name }: ObservedReference,
  object: ReferencedObject,
  entries: readonly string[],
): ContentFault | undefined => {
  const broken = entries.find((entry) => {
    const url = object.entries[entry];
    return url !== undefined && !isDatabaseUrl(url.trim());
  });
  if (broken === undefined) return undefined;
  return {
    reason: 'DatabaseUrlInvalid',
    message: `key "${broken}" of Secret "${name}" is no URL like postgres://user:password@host:5432/database; correct it`,
  };
};

const findCacheUrlFault = ({ name }: ObservedReference, { entries }: ReferencedObject): ContentFault | undefined =>
  parseCacheUrl(entries['url'] ?? '') === undefined
    ? {
        reason: 'CacheUrlInvalid',
        message: `key "url" of Secret "${name}" is no URL like rediss://user:password@host:6379/0, rediss+sentinel://host:26379/master or rediss+cluster://host:6379; correct it`,
      }
    : undefined;

const findMailUrlFault = ({ name }: ObservedReference, { entries }: ReferencedObject): ContentFault | undefined =>
  parseSmtpUrl(entries['url'] ?? '') === undefined
    ? {
        reason: 'MailUrlInvalid',
        message: `key "url" of Secret "${name}" is no URL like smtp://user:password@host:587 or smtps://user:password@host:465; correct it`,
      }
    : undefined;

/** What is wrong with the content of an object that the spec names; names keys, and never their values. */
export const findContentFault = (reference: ObservedReference): ContentFault | undefined => {
  const { field, found, requiredEntries } = reference;
  if (found === undefined) return undefined;
  switch (field) {
    case referenceFields.databaseConnection:
      return (
        findDatabaseUrlFault(reference, found, Object.values(databaseUrlEntries)) ??
        findBundleFault(reference, found, databaseCaEntry)
      );
    case referenceFields.databaseCluster:
      return (
        findDatabaseUrlFault(reference, found, [clusterUrlEntry(found.entries)]) ??
        findBundleFault(reference, found, databaseCaEntry)
      );
    case referenceFields.cacheConnection:
      return findCacheUrlFault(reference, found) ?? findBundleFault(reference, found, databaseCaEntry);
    case referenceFields.mailServer:
      return findMailUrlFault(reference, found) ?? findBundleFault(reference, found, databaseCaEntry);
    case referenceFields.clientCa:
      return findBundleFault(reference, found, clientCaEntry);
    default:
      return isTrustBundle(field) ? findBundleFault(reference, found, requiredEntries[0] ?? '') : undefined;
  }
};
