import { access, chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { cacheDirectory } from './cache.ts';
import { findCommand } from './command.ts';

/** A Go toolchain that is new enough: the command, and its version (`1.26.8`). */
export interface Go {
  readonly command: string;
  readonly version: string;
}

/** The oldest Go that builds the built-in cluster: the `go` line of its go.mod. */
const oldestGo = '1.26.0';

/** What is downloaded where the machine has none that is new enough. */
const downloadedGo = '1.26.8';

/** `go version go1.26.8 linux/amd64` -> `1.26.8`, undefined for anything else. */
export const parseGoVersion = (text: string): string | undefined => /\bgo(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1];

/** Whether a version such as `1.26.8` is at least the other one. */
export const isAtLeast = (version: string, oldest: string): boolean => {
  const numbers = (text: string) => text.split('.').map(Number);
  const [left, right] = [numbers(version), numbers(oldest)];
  for (let i = 0; i < 3; i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
};

const askVersion = async (command: string): Promise<string | undefined> => {
  // local: what this Go is, not what it would download for the go.mod of the current folder.
  const { stdout } = await execa(command, ['version'], { env: { GOTOOLCHAIN: 'local' }, reject: false });
  return parseGoVersion(stdout);
};

const downloadedCommand = (env: NodeJS.ProcessEnv): string =>
  path.join(cacheDirectory(env), `go-${downloadedGo}`, 'bin/go');

/** The machine's own Go when it is new enough, or the one downloaded earlier. */
export const findGo = async (env: NodeJS.ProcessEnv): Promise<Go | undefined> => {
  const own = await findCommand('go', env);
  const version = own === undefined ? undefined : await askVersion(own);
  if (own !== undefined && version !== undefined && isAtLeast(version, oldestGo)) return { command: own, version };
  const command = downloadedCommand(env);
  const downloaded = await access(command).then(
    () => true,
    () => false,
  );
  return downloaded ? { command, version: downloadedGo } : undefined;
};

const platform = { x64: 'amd64', arm64: 'arm64' };

const parsePlatform = (arch: string): string => {
  if (arch === 'x64' || arch === 'arm64') return platform[arch];
  throw new Error(`the built-in cluster runs on x64 and arm64, not on ${arch}`);
};

/** A module's zip may hold no go.mod but its own, so the toolchain's stand in it under another name. */
const restoreGoMods = async (directory: string): Promise<void> => {
  for (const file of await readdir(directory, { recursive: true })) {
    if (path.basename(file) !== '_go.mod') continue;
    const full = path.join(directory, file);
    await rename(full, path.join(path.dirname(full), 'go.mod'));
  }
};

const allowExecution = async (directory: string): Promise<void> => {
  for (const file of await readdir(directory)) await chmod(path.join(directory, file), 0o755);
};

/**
 * Downloads a Go toolchain as a Go module, by any older Go: the module proxy has one for every release, checked
 * against the public checksum database like any module. Go from 1.21 on does this by itself; Debian 12's 1.19 does not.
 */
const downloadGo = async (older: string, env: NodeJS.ProcessEnv): Promise<Go> => {
  const system = `linux-${parsePlatform(process.arch)}`;
  const cache = cacheDirectory(env);
  await mkdir(cache, { recursive: true });
  const scratch = await mkdtemp(path.join(cache, 'go-download-'));
  try {
    const { stdout } = await execa(
      older,
      ['mod', 'download', '-modcacherw', '-json', `golang.org/toolchain@v0.0.1-go${downloadedGo}.${system}`],
      { cwd: scratch, env: { GOMODCACHE: path.join(scratch, 'modules'), GOTOOLCHAIN: 'local' } },
    );
    const { Dir: directory } = z.object({ Dir: z.string() }).parse(JSON.parse(stdout));
    await restoreGoMods(directory);
    for (const folder of ['bin', `pkg/tool/${system.replace('-', '_')}`]) {
      await allowExecution(path.join(directory, folder));
    }
    const command = downloadedCommand(env);
    const target = path.dirname(path.dirname(command));
    await rename(directory, target).catch(async (error: NodeJS.ErrnoException) => {
      // Somebody else was quicker.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return { command, version: downloadedGo };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

/** A Go that is new enough: the machine's own, else one that an older Go downloads into the cache. */
export const ensureGo = async (env: NodeJS.ProcessEnv): Promise<Go> => {
  const go = await findGo(env);
  if (go !== undefined) return go;
  const older = await findCommand('go', env);
  if (older !== undefined) return downloadGo(older, env);
  throw new Error(
    `Go is missing: install it (Debian: apt-get install golang-go; any version will do, it fetches ${downloadedGo})`,
  );
};
