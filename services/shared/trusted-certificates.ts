import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';

/** PEM of every file of a folder of trust bundles; entries that begin with a dot are Kubernetes' own. */
const readBundles = async (directory: string): Promise<string[]> => {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  return Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
};

const readIfThere = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
};

/** Where the certificates are that a connection trusts. */
export type TrustSettings = {
  /** PEM of the CA that the peer's certificate comes from, in place of the system's; where it is there. */
  readonly caFile?: string | undefined;
  /** Folder of PEM bundles that are trusted besides. */
  readonly trustDirectory?: string | undefined;
};

/**
 * Reads what a TLS connection trusts, for `ca` of Node's TLS options; undefined stands for the system's certificates.
 * @throws the file system's error
 */
export const readTrustedCertificates = async ({
  caFile,
  trustDirectory,
}: TrustSettings): Promise<string[] | undefined> => {
  const own = caFile === undefined ? undefined : await readIfThere(caFile);
  const bundles = trustDirectory === undefined ? [] : await readBundles(trustDirectory);
  if (own !== undefined) return [own, ...bundles];
  return bundles.length === 0 ? undefined : [...getCACertificates('default'), ...bundles];
};
