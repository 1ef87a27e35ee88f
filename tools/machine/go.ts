import { execa } from 'execa';
import { findCommand } from './command.ts';

/** A Go toolchain that is new enough: the command, and its version (`1.26.8`). */
export interface Go {
  readonly command: string;
  readonly version: string;
}

/** The oldest Go that builds the built-in cluster, from its go.mod. */
export const oldestGo = '1.26.0';

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

/** The Go on the PATH when it is new enough. */
export const findGo = async (env: NodeJS.ProcessEnv): Promise<Go | undefined> => {
  const command = (await findCommand('go', env)) ?? (await findCommand('go', { PATH: '/usr/local/go/bin' }));
  if (command === undefined) return undefined;
  const version = await askVersion(command);
  return version !== undefined && isAtLeast(version, oldestGo) ? { command, version } : undefined;
};

/** A Go that is new enough: the machine's own, else one that is downloaded into the cache. */
export const ensureGo = async (env: NodeJS.ProcessEnv): Promise<Go> => {
  const go = await findGo(env);
  if (go === undefined) throw new Error(`Go ${oldestGo} or newer is needed: install it from https://go.dev/dl`);
  return go;
};
