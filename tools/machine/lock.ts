import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs something that only one process on the machine may do at a time; the others wait. The lock is the kernel's, held
 * by a helper that ends with this process, so a killed one leaves no lock behind.
 *
 * @param file made if it is not there; its content does not matter
 */
export const withLock = async <T>(file: string, run: () => Promise<T>): Promise<T> => {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked; cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'exit');
  const locked = once(holder.stdout, 'data');
  try {
    await Promise.race([
      locked,
      ended.then(([code]) => {
        throw new Error(`flock ended with ${code} before it had the lock ${file}`);
      }),
    ]);
    return await run();
  } finally {
    holder.stdin.end();
    await ended.catch(() => {});
  }
};
