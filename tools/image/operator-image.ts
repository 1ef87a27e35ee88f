import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { type BuiltImage, ensureImage } from './image-cache.ts';
import { createRootFilesystem } from './root-filesystem.ts';

/** What goes into an image of the project. */
export interface OperatorImageRequest {
  /** The root of the checkout: its Dockerfile, its node_modules, and build/ for the result. */
  readonly repository: string;
  readonly cache: string;
  /** Folders whose content goes into /app. */
  readonly bundles: readonly string[];
  /** The image's name without a registry and tag. */
  readonly name: string;
}

const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** The Node binary that the project pins, out of node_modules. */
const findNode = (repository: string): string => {
  const name = `node-linux-${process.arch}`;
  const manifest = createRequire(path.join(repository, 'package.json')).resolve(`${name}/package.json`);
  return path.join(path.dirname(manifest), 'bin/node');
};

const readVersion = async (repository: string): Promise<string> => {
  const text = await readFile(path.join(repository, 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
};

/**
 * Builds the image of the operator and its services, or finds it in the cache: Node with its libraries, CA
 * certificates, an unprivileged user, the bundles in /app, and nothing else.
 */
export const ensureOperatorImage = async (request: OperatorImageRequest): Promise<BuiltImage> => {
  const { repository, cache, bundles, name } = request;
  const root = await createRootFilesystem(path.join(repository, 'build/image'));
  await root.addProgram(findNode(repository), '/usr/local/bin/node');
  await root.add(certificates, certificates);
  await root.write('/etc/passwd', 'root:x:0:0:root:/:/none\nidentity:x:65532:65532:identity:/app:/none\n');
  await root.write('/etc/group', 'root:x:0:\nidentity:x:65532:\n');
  // Without it glibc would ask DNS before /etc/hosts.
  await root.write('/etc/nsswitch.conf', 'hosts: files dns\n');
  for (const bundle of bundles) {
    for (const entry of await readdir(bundle)) {
      // A native module brings libraries of its own (argon2: librt), that Node's binary does not need.
      const add = entry.endsWith('.node') ? root.addProgram : root.add;
      await add(path.join(bundle, entry), path.join('/app', entry));
    }
  }
  return ensureImage(cache, {
    name,
    taggedName: `localhost/${name}:${await readVersion(repository)}`,
    root: root.directory,
    context: repository,
    dockerfile: path.join(repository, 'Dockerfile'),
  });
};
