import { createHash } from 'node:crypto';
import { databaseIdParameter } from '../../services/shared/contracts/database-url.ts';
import type { Blueprint } from './blueprint.ts';
import { isDatabaseManaged } from './blueprint.ts';
import { objectNames } from './object-names.ts';
import { ports } from './ports.ts';

/** Who connects to the database, each by a role of its own; `migrate` is the owner. */
export type DatabaseReader = 'migrate' | 'auth' | 'token-store';
export type ServiceReader = Exclude<DatabaseReader, 'migrate'>;

/** Entries of the connection Secrets: a `postgres://` URL a reader. A user's Secret has the same. */
export const databaseUrlEntries = { migrate: 'url', auth: 'auth-url', 'token-store': 'token-store-url' } as const;
export const databaseCaEntry = 'ca.crt';
/** Entry of migrate's Secret: what the user accepts in place of the database that is remembered. */
export const acceptedDatabaseEntry = 'accepted-database';

/** Owner and database of the managed PostgreSQL. */
export const managedDatabase = { owner: 'identity', database: 'identity' } as const;

/**
 * Name of a service's role in PostgreSQL. Roles belong to the whole server, so tenants that share one must not share a
 * name; PostgreSQL cuts names at 63 bytes, so a long one ends in a hash.
 */
export const databaseRoleName = (
  { namespace, name }: Pick<Blueprint, 'namespace' | 'name'>,
  reader: ServiceReader,
): string => {
  const role = `${namespace}_${name}_${reader}`.replaceAll('-', '_');
  if (role.length <= 63) return role;
  return `${role.slice(0, 52)}_${createHash('sha256').update(role).digest('hex').slice(0, 10)}`;
};

/** A database of the user's, as its Secrets say. */
export type ExternalDatabase = {
  readonly url: string;
  /** Where there are roles for the services already. */
  readonly authUrl?: string;
  readonly tokenStoreUrl?: string;
  /** PEM of the CA of its certificate. */
  readonly ca?: string;
};

/** What migrate found out. */
export type MigratedDatabase = {
  readonly id?: string;
  readonly sharedRole: boolean;
  /** Nobody has heard it, and what the services work with does not tell it either. */
  readonly unknown?: boolean;
};

/** What the connections are made from. */
export type DatabaseSources = {
  /** Generated once for a tenant. */
  readonly passwords: { readonly owner: string; readonly auth: string; readonly tokenStore: string };
  /** Absent for the managed one. */
  readonly external?: ExternalDatabase;
  /** PEM of the tenant's CA, which signs the managed database's certificate. */
  readonly internalCa: string;
  /** Keys that the token-store seals data with. */
  readonly dataEncryptionKeys: readonly { readonly id: string; readonly fingerprint: string }[];
  /** What the user accepts in place of the database that is remembered; `handled` once that is done. */
  readonly accept?: { readonly database: string; readonly handled: boolean };
  /** Ports that the URL of the cache leads to; empty where there is none. */
  readonly cachePorts: readonly number[];
  /** Port that the URL of the mail server leads to; empty where there is none. */
  readonly mailPorts: readonly number[];
  /** What the services are connected by now; absent before the first migration. */
  readonly inUse?: Readonly<Record<string, string>>;
  /** What the migrate Job of this name has found out. */
  readonly migrated: (migrateJob: string) => MigratedDatabase;
};

const managedHost = (blueprint: Pick<Blueprint, 'name' | 'namespace'>): string =>
  `${objectNames.database(blueprint)}.${blueprint.namespace}.svc`;

const managedUrl = (blueprint: Blueprint, ownerPassword: string): string =>
  `postgres://${managedDatabase.owner}:${encodeURIComponent(ownerPassword)}@${managedHost(blueprint)}:${ports.postgres}/${managedDatabase.database}?sslmode=verify-full`;

const withCredentials = (url: string, user: string, password: string): string => {
  const result = new URL(url);
  result.username = encodeURIComponent(user);
  result.password = encodeURIComponent(password);
  return result.href;
};

/** The services find the id beside the host, so that one never changes without the other. */
const withDatabaseId = (url: string, id: string | undefined): string => {
  if (id === undefined) return url;
  const result = new URL(url);
  result.searchParams.set(databaseIdParameter, id);
  return result.href;
};

/**
 * Whether a user's URL can be used. Nothing else may be given to the builders here: the error of a URL that cannot be
 * parsed holds all of it, and so a password.
 */
export const isDatabaseUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hostname, pathname } = new URL(text);
  const named = username !== '' && hostname !== '' && pathname.length > 1;
  return (
    (protocol === 'postgres:' || protocol === 'postgresql:') && named && [username, password, pathname].every(isEncoded)
  );
};

const isEncoded = (part: string): boolean => {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
};

/** The URL of one reader in the user's Secret, where it has one for it. */
export const givenUrl = (
  { external }: { readonly external?: ExternalDatabase | undefined },
  reader: ServiceReader,
): string | undefined => (reader === 'auth' ? external?.authUrl : external?.tokenStoreUrl);

const databaseCa = (
  blueprint: Blueprint,
  { external, internalCa }: Pick<DatabaseSources, 'external' | 'internalCa'>,
): string | undefined => (isDatabaseManaged(blueprint.spec) ? internalCa : external?.ca);

/** Whether the database's certificate comes from a CA of its own. */
export const hasDatabaseCa = (blueprint: Blueprint, sources: DatabaseSources): boolean =>
  databaseCa(blueprint, sources) !== undefined;

const ownerUrl = (blueprint: Blueprint, { passwords, external }: DatabaseSources): string =>
  (external?.url ?? managedUrl(blueprint, passwords.owner)).trim();

const caEntry = (blueprint: Blueprint, sources: DatabaseSources): Record<string, string> => {
  const ca = databaseCa(blueprint, sources);
  return ca === undefined ? {} : { [databaseCaEntry]: ca };
};

/** What migrate is given: the owner's URL, and the URLs of roles that are there already. */
export const buildMigrateConnection = (blueprint: Blueprint, sources: DatabaseSources): Record<string, string> => ({
  [databaseUrlEntries.migrate]: ownerUrl(blueprint, sources),
  ...Object.fromEntries(
    (['auth', 'token-store'] as const).flatMap((reader) => {
      const given = givenUrl(sources, reader);
      return given === undefined ? [] : [[databaseUrlEntries[reader], given.trim()]];
    }),
  ),
  ...caEntry(blueprint, sources),
  ...(sources.accept === undefined || sources.accept.handled
    ? {}
    : { [acceptedDatabaseEntry]: sources.accept.database }),
});

/** Passwords that migrate gives to the roles that it makes: those of the user's have theirs. */
const rolePasswords = (sources: DatabaseSources): string[] => [
  ...(givenUrl(sources, 'auth') === undefined ? [sources.passwords.auth] : []),
  ...(givenUrl(sources, 'token-store') === undefined ? [sources.passwords.tokenStore] : []),
];

/**
 * What makes migrate run again: another connection, other passwords for the roles, since the services are given no password
 * that the database does not know yet, and every new word on which database is accepted. That a word has been handled is
 * nothing new. A hash of it stands in a name that many may read: a generated password is always in it, since one of the
 * user's could be guessed.
 */
export const migrateConnectionContent = (blueprint: Blueprint, sources: DatabaseSources): object => {
  const { [acceptedDatabaseEntry]: _pending, ...connection } = buildMigrateConnection(blueprint, sources);
  return [connection, rolePasswords(sources), sources.accept?.database ?? '', sources.passwords.owner];
};

/**
 * What the services are given. Theirs is a Secret apart from migrate's: it changes only when migrate has found the database
 * behind it to be the right one, so that what runs goes on with the last one that was.
 */
export const buildServiceConnection = (
  blueprint: Blueprint,
  sources: DatabaseSources,
  { id, sharedRole }: MigratedDatabase,
): Record<string, string> => {
  const owner = ownerUrl(blueprint, sources);
  const { passwords } = sources;
  const urlOf = (reader: ServiceReader): string => {
    const given = givenUrl(sources, reader)?.trim();
    if (given !== undefined) return given;
    if (sharedRole) return owner;
    const password = reader === 'auth' ? passwords.auth : passwords.tokenStore;
    return withCredentials(owner, databaseRoleName(blueprint, reader), password);
  };
  return {
    [databaseUrlEntries.auth]: withDatabaseId(urlOf('auth'), id),
    [databaseUrlEntries['token-store']]: withDatabaseId(urlOf('token-store'), id),
    ...caEntry(blueprint, sources),
  };
};

/**
 * The ports that the URLs of connections lead to, outside of a managed database's own pods; what is in use may be damaged, and
 * is made again by the same pass.
 */
export const databasePorts = (
  blueprint: Pick<Blueprint, 'name' | 'namespace' | 'spec'>,
  ...connections: readonly Readonly<Record<string, string>>[]
): number[] => {
  const all = connections
    .flatMap((connection) => Object.values(databaseUrlEntries).flatMap((entry) => connection[entry] ?? []))
    .filter((url) => URL.canParse(url))
    .map((url) => new URL(url))
    .filter(({ hostname }) => !isDatabaseManaged(blueprint.spec) || hostname !== managedHost(blueprint))
    .map(({ port }) => (port === '' ? ports.postgres : Number(port)));
  return [...new Set(all)].sort((a, b) => a - b);
};
