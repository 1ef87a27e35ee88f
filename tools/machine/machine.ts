import { release } from 'node:os';
import { findCommand } from './command.ts';
import { findMissingPackages, installPackages, type Purpose } from './debian-packages.ts';
import { ensureGo, findGo, type Go } from './go.ts';
import type { Progress } from './progress.ts';

/** What to prepare the machine for, and where to say what was done. */
export interface MachineRequest {
  /** `dev` runs the services as processes, `install` needs Helm, `demo` and `test` run a cluster, `test` a browser too. */
  readonly for: Purpose;
  readonly progress: Progress;
  readonly env: NodeJS.ProcessEnv;
}

/** A machine that has what the purpose needs. `go` is absent where nothing is compiled. */
export interface Machine {
  readonly go?: Go;
}

const missingFor = async (purpose: Purpose, env: NodeJS.ProcessEnv): Promise<readonly string[]> => {
  const packages = await findMissingPackages(purpose, env);
  if (purpose === 'dev' || (await findGo(env)) !== undefined) return packages;
  // Any Go will do: an old one fetches the one that is needed.
  return (await findCommand('go', env)) === undefined ? [...packages, 'golang-go'] : packages;
};

/**
 * Gives the machine what it lacks, and says so: Debian packages (as root or by sudo), and a Go toolchain in the cache.
 * Changes nothing on a machine that has all. Throws with what to do where it cannot help itself.
 */
export const ensureMachine = async ({ for: purpose, progress, env }: MachineRequest): Promise<Machine> => {
  if (process.platform !== 'linux') {
    throw new Error(
      `this needs Linux, and here is ${process.platform} ${release()}: use a virtual machine with Debian`,
    );
  }
  return progress.step('machine', async (detail) => {
    const missing = await missingFor(purpose, env);
    if (missing.length > 0) await installPackages(missing, env);
    const go = purpose === 'dev' ? undefined : await ensureGo(env);
    const tools = go === undefined ? '' : `, go ${go.version}`;
    const installed = missing.length === 0 ? '' : `; installed ${missing.join(', ')}`;
    detail(`node ${process.versions.node}${tools}${installed}`);
    return go === undefined ? {} : { go };
  });
};
