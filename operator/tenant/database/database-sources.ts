import { parseCacheUrl } from '../../../services/shared/contracts/cache-url.ts';
import { parseSmtpUrl } from '../../../services/shared/contracts/smtp-url.ts';
import { annotations } from '../../api/group.ts';
import { tlsEntries } from '../../keys/internal-certificate.ts';
import { databasePasswordEntries, keysEntry, rememberedDatabaseEntry } from '../../keys/random-secrets.ts';
import type { Blueprint } from '../../manifests/blueprint.ts';
import { fingerprintDataEncryptionKeys } from '../../manifests/data-encryption-keys.ts';
import {
  type DatabaseSources,
  databaseCaEntry,
  databaseRoleName,
  databaseUrlEntries,
  type ExternalDatabase,
  givenUrl,
  type MigratedDatabase,
  type ServiceReader,
} from '../../manifests/database-connection.ts';
import { objectNames } from '../../manifests/object-names.ts';
import { ports } from '../../manifests/ports.ts';
import type { Observed } from '../observed.ts';
import { clusterSecrets, referenceFields } from '../references/spec-references.ts';
import { readMigrationReport } from './database-state.ts';

type Entries = Readonly<Record<string, string>>;

const userOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).username : undefined;

/** Entry of a Cluster's Secret that holds its URL: older releases of CloudNativePG write no `fqdn-uri`. */
export const clusterUrlEntry = (entries: Entries): 'fqdn-uri' | 'uri' =>
  entries['fqdn-uri'] === undefined ? 'uri' : 'fqdn-uri';

/**
 * The read-write Service by the one of its names that every release's certificates hold, and that leads from any
 * namespace; the URL of the Secret has one with the cluster's domain, which older ones lack.
 */
const clusterUrl = (entries: Entries, clusterName: string, namespace: string): string => {
  const text = entries[clusterUrlEntry(entries)] ?? '';
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  url.hostname = `${clusterName}-rw.${namespace}.svc`;
  url.port = String(ports.postgres);
  return url.href;
};

const readExternal = ({ tenant, references }: Observed): ExternalDatabase | undefined => {
  const entriesOf = (field: string, name?: string): Entries =>
    references.find((one) => one.field === field && (name === undefined || one.name === name))?.found?.entries ?? {};
  const { connection, cloudNativePG } = tenant.spec.database ?? {};
  if (cloudNativePG !== undefined) {
    const secrets = clusterSecrets(cloudNativePG);
    const ca = entriesOf(referenceFields.databaseCluster, secrets.ca)[databaseCaEntry];
    const app = entriesOf(referenceFields.databaseCluster, secrets.app);
    const url = clusterUrl(app, cloudNativePG.clusterName, tenant.metadata.namespace);
    return { url, ...(ca === undefined ? {} : { ca }) };
  }
  if (connection === undefined) return undefined;
  const entries = entriesOf(referenceFields.databaseConnection);
  const authUrl = entries[databaseUrlEntries.auth];
  const tokenStoreUrl = entries[databaseUrlEntries['token-store']];
  const ca = entries[databaseCaEntry];
  return {
    url: entries[databaseUrlEntries.migrate] ?? '',
    ...(authUrl === undefined ? {} : { authUrl }),
    ...(tokenStoreUrl === undefined ? {} : { tokenStoreUrl }),
    ...(ca === undefined ? {} : { ca }),
  };
};

/**
 * Ports of the servers that the URL names. Sentinels and Clusters lead to further ones, whose ports they alone know: the
 * usual one is taken for theirs.
 */
const readCachePorts = ({ references }: Pick<Observed, 'references'>): number[] => {
  const url = references.find(({ field }) => field === referenceFields.cacheConnection)?.found?.entries['url'];
  const address = parseCacheUrl(url ?? '');
  if (address === undefined) return [];
  const named = address.hosts.map(({ port }) => port);
  return [...new Set(address.mode === 'single' ? named : [...named, ports.redis])].sort((a, b) => a - b);
};

const readMailPorts = ({ references }: Pick<Observed, 'references'>): number[] => {
  const url = references.find(({ field }) => field === referenceFields.mailServer)?.found?.entries['url'];
  const address = parseSmtpUrl(url ?? '');
  return address === undefined ? [] : [address.port];
};

/** The id of the database that holds the tenant's data: the retained Secret has it when the status is lost. */
export const rememberedDatabase = (
  { secrets, tenant }: Pick<Observed, 'secrets' | 'tenant'>,
  blueprint: Pick<Blueprint, 'name'>,
): string | undefined =>
  secrets.get(objectNames.databaseCredentials(blueprint))?.entries[rememberedDatabaseEntry] ??
  tenant.status.database?.id;

/** What the user accepts in place of the remembered database; a word that has done its work counts no more. */
export const readAcceptance = (
  { secrets, tenant }: Pick<Observed, 'secrets' | 'tenant'>,
  blueprint: Pick<Blueprint, 'name'>,
): DatabaseSources['accept'] => {
  const database = tenant.metadata.annotations[annotations.acceptDatabase]?.trim() ?? '';
  if (database === '') return undefined;
  const { metadata } = secrets.get(objectNames.databaseCredentials(blueprint)) ?? {};
  return { database, handled: metadata?.annotations?.[annotations.acceptedDatabase] === database };
};

const isSamePlace = (one: string, other: string): boolean => {
  if (!URL.canParse(one) || !URL.canParse(other)) return false;
  const [a, b] = [new URL(one), new URL(other)];
  return a.host === b.host && a.pathname === b.pathname;
};

/**
 * Whether a service is connected to this database already in one of the two ways that migrate leads to: by a role that it
 * has made, or by its owner's.
 */
const isConnected = (blueprint: Blueprint, reader: ServiceReader, inUse: string, owner: string): boolean =>
  isSamePlace(inUse, owner) && [databaseRoleName(blueprint, reader), userOf(owner)].includes(userOf(inUse));

/** Services that the user has given no role: migrate makes one, or they share the owner's. */
const withoutRole = (external: ExternalDatabase | undefined): readonly ServiceReader[] =>
  (['auth', 'token-store'] as const).filter((reader) => givenUrl({ external }, reader) === undefined);

/** Whether a database, and the roles of the services in it, are known without a word of migrate. */
const isKnown = (
  observed: Observed,
  blueprint: Blueprint,
  external: ExternalDatabase | undefined,
  inUse: Entries,
): boolean => {
  const accept = readAcceptance(observed, blueprint);
  const remembered = rememberedDatabase(observed, blueprint);
  if (accept?.handled === false && accept.database !== remembered) return false;
  // A migrate of long ago reports no id, and what runs goes on without one.
  if (remembered === undefined && inUse[databaseUrlEntries.auth] === undefined) return false;
  // The owner of the managed one may make roles.
  if (external === undefined) return true;
  return withoutRole(external).every((reader) =>
    isConnected(blueprint, reader, inUse[databaseUrlEntries[reader]] ?? '', external.url),
  );
};

/** What the Job has told, or when its pod is gone since, what the services work with. */
const readMigrated = (
  observed: Observed,
  blueprint: Blueprint,
  external: ExternalDatabase | undefined,
  migrateJob: string,
): MigratedDatabase => {
  const report = readMigrationReport(observed.pods, migrateJob);
  if (report?.outcome === 'migrated') {
    const id = report.databaseId ?? rememberedDatabase(observed, blueprint);
    return { ...(id === undefined ? {} : { id }), sharedRole: report.sharedRole ?? false };
  }
  const id = rememberedDatabase(observed, blueprint);
  const inUse = observed.secrets.get(objectNames.databaseConnection(blueprint))?.entries ?? {};
  const owner = userOf(external?.url);
  const sharedRole =
    owner !== undefined && withoutRole(external).some((reader) => userOf(inUse[databaseUrlEntries[reader]]) === owner);
  return {
    ...(id === undefined ? {} : { id }),
    sharedRole,
    ...(isKnown(observed, blueprint, external, inUse) ? {} : { unknown: true }),
  };
};

/** What the connection to the database is made from. */
export const readDatabaseSources = (observed: Observed, blueprint: Blueprint): DatabaseSources => {
  const entriesOf = (name: string): Entries | undefined => observed.secrets.get(name)?.entries;
  const passwords = entriesOf(objectNames.databaseCredentials(blueprint)) ?? {};
  const external = readExternal(observed);
  const inUse = entriesOf(objectNames.databaseConnection(blueprint));
  const accept = readAcceptance(observed, blueprint);
  return {
    passwords: {
      owner: passwords[databasePasswordEntries.owner] ?? '',
      auth: passwords[databasePasswordEntries.auth] ?? '',
      tokenStore: passwords[databasePasswordEntries.tokenStore] ?? '',
    },
    ...(external === undefined ? {} : { external }),
    internalCa: entriesOf(objectNames.certificateAuthority(blueprint))?.[tlsEntries.certificate] ?? '',
    dataEncryptionKeys: fingerprintDataEncryptionKeys(
      entriesOf(objectNames.dataEncryptionKeys(blueprint))?.[keysEntry] ?? '',
    ),
    ...(accept === undefined ? {} : { accept }),
    ...(inUse === undefined ? {} : { inUse }),
    cachePorts: readCachePorts(observed),
    mailPorts: readMailPorts(observed),
    migrated: (migrateJob) => readMigrated(observed, blueprint, external, migrateJob),
  };
};
