import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';

/** A process that ends when this one does, whatever ends it. */
export interface BoundProcess {
  readonly name: string;
  /** Throws when the process has ended by itself, with the place of its log. */
  readonly assertAlive: () => void;
  /** Its process id; -1 when it could not be started. */
  readonly pid: number;
  /** Ends it, at once unless another signal is named, and waits until it is gone. */
  readonly stop: (signal?: 'SIGKILL' | 'SIGTERM') => Promise<void>;
}

const stop = async (child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
};

/**
 * Starts a process whose life is bound to that of its parent by the kernel (PR_SET_PDEATHSIG), so that a killed test
 * run leaves none behind. The shell between closes the gap in which the parent could die before the kernel was told:
 * it does not go on when it has been given another parent.
 *
 * @param log the file that collects what the process prints
 */
export const startBoundProcess = (name: string, log: string, command: readonly string[]): BoundProcess => {
  const output = openSync(log, 'a');
  const script = '[ "$PPID" = "$0" ] && exec "$@"';
  const args = ['--pdeathsig', 'KILL', 'sh', '-c', script, String(process.pid), ...command];
  const child = spawn('setpriv', args, { stdio: ['ignore', output, output] });
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure = error;
  });
  return {
    name,
    assertAlive: () => {
      if (failure !== undefined) throw new Error(`${name} could not be started`, { cause: failure });
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: see ${log}`);
    },
    pid: child.pid ?? -1,
    stop: (signal = 'SIGKILL') => stop(child, signal),
  };
};
