import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from './cache.ts';
import { findCommand } from './command.ts';
import { withLock } from './lock.ts';

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * A virtual environment with the packages of a requirements file (every one pinned, with its hashes), made or found in the
 * cache by the content of that file and Python's version. The network is needed when it is made, and never afterwards.
 * Throws where the machine has no Python with `venv`.
 *
 * @param requirements path of the file
 * @param onBuild called before it is made, for a word to whoever waits
 * @returns the path of its Python; programs that its packages bring are in the same folder
 */
export const ensurePythonEnvironment = async (
  requirements: string,
  env: NodeJS.ProcessEnv = process.env,
  onBuild: () => void = () => {},
): Promise<string> => {
  const python = await findCommand('python3', env);
  if (python === undefined) throw new Error('this machine has no python3: `make test` installs what is needed');
  const { stdout: version } = await execa(python, ['-c', 'import sys; print(sys.version)']);
  const key = createHash('sha256')
    .update(version)
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 16);
  const cache = path.join(cacheDirectory(env), 'python');
  const directory = path.join(cache, key);
  const command = path.join(directory, 'bin/python');
  // Written last: an environment cannot be made elsewhere and moved, since its programs name its path.
  const complete = path.join(directory, '.complete');
  if (await exists(complete)) return command;
  onBuild();
  await mkdir(cache, { recursive: true });
  // Of two at once the second waits and finds it made.
  await withLock(path.join(cache, 'lock'), async () => {
    if (await exists(complete)) return;
    await rm(directory, { recursive: true, force: true });
    await execa(python, ['-m', 'venv', directory]);
    await execa(command, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '-r', requirements]);
    await writeFile(complete, '');
  });
  return command;
};
