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

/** A program to compile out of a Go module. */
export type GoProgram = {
  /** Names it in the cache. */
  readonly name: string;
  /** The folder of go.mod, and of whatever else it is made of here. */
  readonly directory: string;
  /** The package to build; by default that of the folder itself. */
  readonly package?: string;
  /** Values of variables that the linker sets, `-X` each. */
  readonly stamps?: readonly string[];
};

/** Those of the built-in cluster's binaries: packages that both need are compiled once. */
const compilerFlags = ['-trimpath', '-buildvcs=false', '-gcflags=all=-dwarf=false'] as const;

const contentKey = async (directory: string, go: Go, flags: readonly string[]): Promise<string> => {
  const hash = createHash('sha256').update(JSON.stringify([go.version, process.arch, flags]));
  const files = await readdir(directory, { recursive: true });
  for (const file of files.filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).sort()) {
    hash.update(file).update(await readFile(path.join(directory, file)));
  }
  return hash.digest('hex').slice(0, 16);
};

/**
 * Builds a small Go program, or finds it in the cache by its content.
 *
 * @param onBuild called before a build, for a word to whoever waits
 * @returns the path of the binary, which is static
 */
export const ensureGoProgram = async (
  { name, directory, package: program = '.', stamps = [] }: GoProgram,
  go: () => Promise<Go>,
  env: NodeJS.ProcessEnv = process.env,
  onBuild: () => void = () => {},
): Promise<string> => {
  const toolchain = await go();
  const cache = path.join(cacheDirectory(env), name);
  const flags = [...compilerFlags, `-ldflags=${['-s', '-w', ...stamps].join(' ')}`];
  const binary = path.join(cache, await contentKey(directory, toolchain, flags));
  if (await exists(binary)) return binary;
  onBuild();
  await mkdir(cache, { recursive: true });
  // Of two builds at once the second waits and finds it made.
  await withLock(path.join(cache, 'lock'), async () => {
    if (await exists(binary)) return;
    await execa(toolchain.command, ['build', ...flags, '-o', `${binary}.partial`, program], {
      cwd: directory,
      env: { CGO_ENABLED: '0', GOFLAGS: '', GOTOOLCHAIN: 'local', GOROOT: undefined },
    });
    await rename(`${binary}.partial`, binary);
  });
  return binary;
};
