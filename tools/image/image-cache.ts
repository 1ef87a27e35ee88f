import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { withLock } from '../machine/lock.ts';
import { buildArchive } from './buildah.ts';
import { digestOf } from './root-filesystem.ts';

/** An image as a docker-archive file, and the name by which a cluster knows it once it is loaded. */
export interface BuiltImage {
  readonly archive: string;
  readonly reference: string;
  /** False when it came from the cache. */
  readonly built: boolean;
}

/** An image whose root is laid out. */
export interface LaidOutImage {
  /** Names the archive in the cache. */
  readonly name: string;
  /** Name and tag, to which a part of the digest is added: another content is another image, which makes pods roll. */
  readonly taggedName: string;
  /** What the Dockerfile copies: its content is the key in the cache. */
  readonly root: string;
  readonly context: string;
  readonly dockerfile: string;
}

/** Builds an image, or finds in the cache the one that was built of the same content. Older ones of that name go. */
export const ensureImage = async (cache: string, image: LaidOutImage): Promise<BuiltImage> => {
  const { name, taggedName, root, context, dockerfile } = image;
  const directory = path.join(cache, 'images');
  const digest = await digestOf(root, `${taggedName}-`, await readFile(dockerfile, 'utf8'));
  const reference = `${taggedName}-${digest.slice(0, 8)}`;
  const archive = path.join(directory, `${name}-${digest}.tar`);
  await mkdir(directory, { recursive: true });
  return withLock(path.join(directory, `${name}.lock`), async () => {
    if (await exists(archive)) return { archive, reference, built: false };
    await buildArchive({ context, dockerfile, reference, archive });
    await removeOthers(directory, name, archive);
    return { archive, reference, built: true };
  });
};

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const removeOthers = async (directory: string, name: string, kept: string): Promise<void> => {
  const pattern = new RegExp(`^${name}-[0-9a-f]{16}\\.tar$`);
  for (const file of await readdir(directory)) {
    const full = path.join(directory, file);
    if (pattern.test(file) && full !== kept) await rm(full, { force: true });
  }
};
