import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from './cache.ts';
import type { Go } from './go.ts';
import { withLock } from './lock.ts';

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const contentKey = async (directory: string, go: Go): Promise<string> => {
  const hash = createHash('sha256').update(JSON.stringify([go.version, process.arch]));
  const files = await readdir(directory, { recursive: true });
  for (const file of files.filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).sort()) {
    hash.update(file).update(await readFile(path.join(directory, file)));
  }
  return hash.digest('hex').slice(0, 16);
};

/**
 * Builds a small Go program of ours, a module in `directory`, or finds it in the cache by its content.
 *
 * @param name names it in the cache
 * @returns the path of the binary, which is static
 */
export const ensureGoProgram = async (
  name: string,
  directory: string,
  go: () => Promise<Go>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> => {
  const toolchain = await go();
  const cache = path.join(cacheDirectory(env), name);
  const binary = path.join(cache, await contentKey(directory, toolchain));
  if (await exists(binary)) return binary;
  await mkdir(cache, { recursive: true });
  // Of two builds at once the second waits and finds it made.
  await withLock(path.join(cache, 'lock'), async () => {
    if (await exists(binary)) return;
    await execa(
      toolchain.command,
      ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', `${binary}.partial`, '.'],
      {
        cwd: directory,
        env: { CGO_ENABLED: '0', GOFLAGS: '', GOTOOLCHAIN: 'local', GOROOT: undefined },
      },
    );
    await rename(`${binary}.partial`, binary);
  });
  return binary;
};
