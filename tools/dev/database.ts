import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { startPostgres, type TestPostgres } from '../../services/shared/testing/postgres.ts';
import { writeSecretFolder } from './secrets.ts';
import { type DevPaths, databaseFiles, databaseRoles } from './settings.ts';

const databaseName = 'identity';
const duplicateDatabase = '42P04';
/** `o+x`: others may pass through the folder. */
const passableByOthers = 0o001;

const ancestors = (directory: string): string[] => {
  const parent = path.dirname(directory);
  return parent === directory ? [directory] : [directory, ...ancestors(parent)];
};

const isPassable = async (directory: string): Promise<boolean> => {
  const modes = await Promise.all(ancestors(directory).map(async (folder) => (await stat(folder)).mode));
  return modes.every((mode) => (mode & passableByOthers) !== 0);
};

/**
 * Where PostgreSQL's data is: in the state folder, or outside where root's PostgreSQL, which runs as `nobody`, could not
 * reach it there (a checkout in root's home).
 */
const locateData = async (stateDirectory: string): Promise<string> => {
  const inside = path.join(stateDirectory, 'postgres');
  if (process.getuid?.() !== 0 || (await isPassable(stateDirectory))) return inside;
  const name = createHash('sha256').update(stateDirectory).digest('hex').slice(0, 16);
  return path.join('/var/lib/identity-operator/dev', name);
};

/**
 * Starts PostgreSQL on the data of earlier runs.
 * @param options.keepData false when the keys that the data was sealed with are gone: then it begins anew
 */
export const startDevPostgres = async (
  stateDirectory: string,
  { keepData }: { readonly keepData: boolean },
): Promise<TestPostgres> => {
  const dataDirectory = await locateData(stateDirectory);
  if (!keepData) await rm(dataDirectory, { recursive: true, force: true });
  await mkdir(path.dirname(dataDirectory), { recursive: true, mode: 0o711 });
  return startPostgres({ dataDirectory });
};

/** The database's URL for its owner; made on the first run. */
const ensureDatabase = async (postgres: TestPostgres): Promise<URL> => {
  const url = new URL(postgres.url);
  url.pathname = `/${databaseName}`;
  await postgres.createDatabase(databaseName).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === duplicateDatabase)) throw error;
  });
  return url;
};

/** Writes URLs and passwords for migrate and the services. The passwords are new in each run: migrate sets them. */
export const writeDatabaseAccess = async (postgres: TestPostgres, paths: DevPaths): Promise<void> => {
  const ownerUrl = await ensureDatabase(postgres);
  const passwords = { auth: randomBytes(32).toString('base64url'), tokenStore: randomBytes(32).toString('base64url') };
  const urlOf = (service: keyof typeof databaseRoles): string => {
    const url = new URL(ownerUrl);
    url.username = databaseRoles[service];
    url.password = passwords[service];
    return url.href;
  };
  await writeSecretFolder(paths.database, {
    [databaseFiles.ownerUrl]: ownerUrl.href,
    [databaseFiles.authUrl]: urlOf('auth'),
    [databaseFiles.tokenStoreUrl]: urlOf('tokenStore'),
    [databaseFiles.authPassword]: passwords.auth,
    [databaseFiles.tokenStorePassword]: passwords.tokenStore,
  });
};
