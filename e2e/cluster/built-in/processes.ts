import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { commandFolders } from '../../../tools/machine/command.ts';
import { waitUntil } from '../wait.ts';

/**
 * A process of a cluster. The start time (clock ticks since boot) tells it from another one that was given the same pid
 * later.
 */
export interface OwnedProcess {
  readonly pid: number;
  readonly startedAt: string;
  /** What it is a part of: `control-plane`, or a node by its name. */
  readonly part: string;
}

/** Carried in the environment of every process of a cluster. */
const clusterVariable = 'IDENTITY_OPERATOR_CLUSTER';
const partVariable = 'IDENTITY_OPERATOR_PART';

/** What a process belongs to. */
export interface Membership {
  readonly cluster: string;
  readonly part: string;
}

/** Field 22 of /proc/PID/stat, counted after the command's name, which may hold spaces. Undefined when it is gone. */
export const startTimeOf = async (pid: number): Promise<string | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended already; only its parent's reading of the exit code is still to come.
  return fields[0] === 'Z' ? undefined : fields[19];
};

/**
 * Starts a process that outlives this one, with its output in a log file. It carries the mark of its cluster from
 * its first instant, so no record can get lost between its start and the writing of the record.
 */
export const startProcess = (of: Membership, log: string, command: readonly string[]): ChildProcess => {
  const [file = '', ...args] = command;
  const output = openSync(log, 'a');
  const child = spawn(file, args, {
    detached: true,
    stdio: ['ignore', output, output],
    env: {
      PATH: commandFolders(process.env).join(':'),
      HOME: '/root',
      [clusterVariable]: of.cluster,
      [partVariable]: of.part,
    },
  });
  // One that could not be started has no pid.
  child.on('error', () => {});
  child.unref();
  return child;
};

/** All processes that carry the cluster's mark: those started here, and what they started in turn. */
export const findProcesses = async (cluster: string): Promise<readonly OwnedProcess[]> => {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 1 && pid !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      const variables = environment.split('\0');
      if (!variables.includes(`${clusterVariable}=${cluster}`)) return [];
      const part = variables.find((text) => text.startsWith(`${partVariable}=`))?.slice(partVariable.length + 1) ?? '';
      const startedAt = await startTimeOf(pid);
      return startedAt === undefined ? [] : [{ pid, startedAt, part }];
    }),
  );
  return found.flat();
};

/** Ends exactly these processes, at once, and waits until they are gone. Says nothing of those gone already. */
export const killProcesses = async (processes: readonly OwnedProcess[]): Promise<void> => {
  for (const { pid, startedAt } of processes) {
    if ((await startTimeOf(pid)) !== startedAt) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended between the look and the signal.
    }
  }
  await waitUntil(`the end of ${processes.length} processes`, 20_000, async () => {
    const alive = await Promise.all(processes.map(async (one) => (await startTimeOf(one.pid)) === one.startedAt));
    return !alive.includes(true);
  });
};
