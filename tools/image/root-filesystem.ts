import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findSharedLibraries } from './shared-libraries.ts';

/** A folder that becomes the root of an image. Paths within are absolute, as they are in the image. */
export interface RootFilesystem {
  readonly directory: string;
  /** Copies a file or a folder; a link at its end is followed. Modes become what every user may read. */
  readonly add: (source: string, target: string) => Promise<void>;
  readonly write: (target: string, text: string) => Promise<void>;
  /** Copies a program to `target`, and the shared libraries that it loads to where its loader looks for them. */
  readonly addProgram: (source: string, target: string, libraryPath?: string) => Promise<void>;
}

const makeReadable = async (file: string): Promise<void> => {
  const status = await lstat(file);
  if (status.isSymbolicLink()) return;
  if (status.isDirectory()) {
    await chmod(file, 0o755);
    for (const entry of await readdir(file)) await makeReadable(path.join(file, entry));
    return;
  }
  await chmod(file, (status.mode & 0o111) === 0 ? 0o644 : 0o755);
};

/** Begins an empty root in the folder, whatever stood there before. */
export const createRootFilesystem = async (directory: string): Promise<RootFilesystem> => {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o755 });

  const place = async (target: string): Promise<string> => {
    const file = path.join(directory, target);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
    return file;
  };
  const add = async (source: string, target: string): Promise<void> => {
    const file = await place(target);
    await cp(source, file, { recursive: true, dereference: true });
    await makeReadable(file);
  };
  return {
    directory,
    add,
    write: async (target, text) => {
      const file = await place(target);
      await writeFile(file, text, { mode: 0o644 });
      await chmod(file, 0o644);
    },
    addProgram: async (source, target, libraryPath) => {
      await add(source, target);
      for (const library of await findSharedLibraries(source, libraryPath)) {
        // Those of libraryPath are the image's own business; it lays them out as the program expects.
        if (libraryPath === undefined || !library.startsWith(libraryPath)) await add(library, library);
      }
    },
  };
};

const addToHash = async (hash: ReturnType<typeof createHash>, root: string, file: string): Promise<void> => {
  const full = path.join(root, file);
  const status = await lstat(full);
  hash.update(`${file}\0${status.mode}\0`);
  if (status.isSymbolicLink()) hash.update(await readlink(full));
  else if (status.isFile()) hash.update(await readFile(full));
  else for (const entry of (await readdir(full)).sort()) await addToHash(hash, root, path.join(file, entry));
};

/** A digest of all names, modes and contents below a folder; dates and owners do not count. */
export const digestOf = async (directory: string, ...more: readonly string[]): Promise<string> => {
  const hash = createHash('sha256').update(JSON.stringify(more));
  await addToHash(hash, directory, '.');
  return hash.digest('hex').slice(0, 16);
};
