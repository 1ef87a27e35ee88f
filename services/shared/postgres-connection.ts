import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import { databaseIdParameter } from './contracts/database-url.ts';
import type { DatabaseSettings } from './service-settings.ts';
import { readTrustedCertificates } from './trusted-certificates.ts';

/** A database URL that cannot be used. The message never holds any of it, because it contains a password. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError';
  readonly code = 'INVALID_DATABASE_URL';
}

/** How to connect, and the database that one must find there. */
export type DatabaseConnection = {
  readonly client: ClientConfig;
  /** Id that migrate wrote into it; undefined where nobody said so. */
  readonly databaseId?: string;
};

/**
 * Reads the URL of a database, and what is trusted of its certificate, from their files.
 * @throws DatabaseUrlError for a URL that cannot be used; the file system's error when a file cannot be read
 */
export const readDatabaseConnection = async (
  settings: Omit<DatabaseSettings, 'maxConnections'>,
): Promise<DatabaseConnection> => {
  const url = await readFile(settings.urlFile, 'utf8');
  return parseDatabaseUrl(url.trim(), await readTrustedCertificates(settings));
};

/**
 * Turns a `postgres://` URL into pg's settings. pg would connect in plaintext when the URL names no `sslmode`; here that
 * means verify-full, as do all other modes but those that ask for less in so many words: `disable`, `no-verify`
 * (encrypted, certificate unchecked) and `verify-ca` (host name unchecked).
 * @param ca PEM of the CAs that are trusted; the system's when absent
 */
export const parseDatabaseUrl = (text: string, ca?: string[]): DatabaseConnection => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')) {
    throw new DatabaseUrlError('the database URL is not a postgres:// URL');
  }
  const database = decodePart(url.pathname.slice(1));
  const user = decodePart(url.username);
  if (url.hostname === '' || database === '' || user === '') {
    throw new DatabaseUrlError('the database URL names no host, no user or no database');
  }
  const databaseId = url.searchParams.get(databaseIdParameter);
  const client = {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    password: decodePart(url.password),
    database,
    ssl: buildTls(url.searchParams.get('sslmode'), ca),
  };
  return { client, ...(databaseId === null ? {} : { databaseId }) };
};

const buildTls = (sslmode: string | null, ca: string[] | undefined): ConnectionOptions | false => {
  const trust = ca === undefined ? {} : { ca };
  switch (sslmode) {
    case 'disable':
      return false;
    case 'no-verify':
      return { rejectUnauthorized: false };
    case 'verify-ca':
      return { ...trust, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    default:
      return { ...trust, rejectUnauthorized: true };
  }
};

const decodePart = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new DatabaseUrlError('the database URL is not percent-encoded as it must be');
  }
};
