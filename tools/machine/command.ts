import { access, constants } from 'node:fs/promises';
import path from 'node:path';

/** System folders that a non-login shell of an ordinary user leaves out of PATH, though the tools are there. */
const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** The folders to search for commands: those of PATH, then the system's. */
export const commandFolders = (env: NodeJS.ProcessEnv): readonly string[] => [
  ...new Set([...(env['PATH'] ?? '').split(path.delimiter).filter(Boolean), ...systemFolders]),
];

/** The full path of a command, or undefined when the machine has no such command. */
export const findCommand = async (name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> => {
  for (const folder of commandFolders(env)) {
    const candidate = path.join(folder, name);
    const executable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return candidate;
  }
  return undefined;
};
