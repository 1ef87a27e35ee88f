import { homedir } from 'node:os';
import path from 'node:path';

/**
 * The folder for what is costly to make and safe to delete: built binaries, images, toolchains. Shared by every
 * checkout of the project, so each entry is keyed by the content it was made from.
 */
export const cacheDirectory = (env: NodeJS.ProcessEnv): string =>
  path.join(env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'identity-operator');
