import { createHash } from 'node:crypto';
import type { Blueprint } from './blueprint.ts';
import { isDatabaseManaged } from './blueprint.ts';
import { objectNames } from './object-names.ts';
import { ports } from './ports.ts';

/** Who connects to the database, each by a role of its own; `migrate` is the owner. */
export type DatabaseReader = 'migrate' | 'auth' | 'token-store';

/** Entries of the connection Secret: a `postgres://` URL a reader, and the passwords that migrate gives to the roles. */
export const databaseUrlEntries = { migrate: 'url', auth: 'auth-url', 'token-store': 'token-store-url' } as const;
export const rolePasswordEntries = { auth: 'auth-password', 'token-store': 'token-store-password' } as const;

/** Owner and database of the managed PostgreSQL. */
export const managedDatabase = { owner: 'identity', database: 'identity' } as const;

/**
 * Name of a service's role in PostgreSQL. Roles belong to the whole server, so tenants that share one must not share a
 * name; PostgreSQL cuts names at 63 bytes, so a long one ends in a hash.
 */
export const databaseRoleName = (
  { namespace, name }: Pick<Blueprint, 'namespace' | 'name'>,
  reader: 'auth' | 'token-store',
): string => {
  const role = `${namespace}_${name}_${reader}`.replaceAll('-', '_');
  if (role.length <= 63) return role;
  return `${role.slice(0, 52)}_${createHash('sha256').update(role).digest('hex').slice(0, 10)}`;
};

/** What the connection is made from: generated passwords, and for a database of the user's the Secret that names it. */
export type DatabaseSources = {
  readonly passwords: { readonly owner: string; readonly auth: string; readonly tokenStore: string };
  /** `url` and `ca.crt` of the Secret that `spec.database.connection` names; absent for the managed one. */
  readonly external?: { readonly url: string; readonly ca?: string };
  /** PEM of the tenant's CA, which signs the managed database's certificate. */
  readonly internalCa: string;
};

const managedUrl = (blueprint: Blueprint, ownerPassword: string): string =>
  `postgres://${managedDatabase.owner}:${encodeURIComponent(ownerPassword)}@${objectNames.database(blueprint)}.${blueprint.namespace}.svc:${ports.postgres}/${managedDatabase.database}?sslmode=verify-full`;

const withCredentials = (url: string, user: string, password: string): string => {
  const result = new URL(url);
  result.username = encodeURIComponent(user);
  result.password = encodeURIComponent(password);
  return result.href;
};

/**
 * Whether a user's `url` can be used. Nothing else may be given to {@link buildDatabaseConnection}: the error of a URL that
 * cannot be parsed holds all of it, and so a password.
 */
export const isDatabaseUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, username, hostname, pathname } = new URL(text);
  const named = username !== '' && hostname !== '' && pathname.length > 1;
  return (protocol === 'postgres:' || protocol === 'postgresql:') && named;
};

/** Entries of the connection Secret; a user's `url` must be an {@link isDatabaseUrl}. */
export const buildDatabaseConnection = (
  blueprint: Blueprint,
  { passwords, external, internalCa }: DatabaseSources,
): Record<string, string> => {
  const owner = external?.url ?? managedUrl(blueprint, passwords.owner);
  const ca = isDatabaseManaged(blueprint.spec) ? internalCa : external?.ca;
  return {
    [databaseUrlEntries.migrate]: owner,
    [databaseUrlEntries.auth]: withCredentials(owner, databaseRoleName(blueprint, 'auth'), passwords.auth),
    [databaseUrlEntries['token-store']]: withCredentials(
      owner,
      databaseRoleName(blueprint, 'token-store'),
      passwords.tokenStore,
    ),
    [rolePasswordEntries.auth]: passwords.auth,
    [rolePasswordEntries['token-store']]: passwords.tokenStore,
    ...(ca === undefined ? {} : { 'ca.crt': ca }),
  };
};

/** The port that a connection's URLs lead to. */
export const databasePort = (connection: Readonly<Record<string, string>>): number => {
  const { port } = new URL(connection[databaseUrlEntries.migrate] ?? '');
  return port === '' ? ports.postgres : Number(port);
};
