import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { eventually } from './condition.ts';

/** A service in a process of its own, as in a pod. */
export type SpawnedService = {
  readonly pid: number;
  /** By the names of its servers; `probe` among them. */
  readonly ports: Readonly<Record<string, number>>;
  /** SIGTERM: it drains. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
};

const listeningSchema = z.object({ msg: z.literal('listening'), ports: z.record(z.string(), z.number()) });

/** On a machine that has much else to do. */
const readyMilliseconds = 60_000;

/** Reads a process's log up to the line that tells its ports, and keeps reading, so that it never blocks on a full pipe. */
const readPorts = async (stdout: Readable): Promise<Record<string, number>> => {
  const lines = createInterface({ input: stdout });
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const parsed = listeningSchema.safeParse(JSON.parse(line));
      if (parsed.success) resolve(parsed.data.ports);
    });
    lines.on('close', () => reject(new Error('the process ended before it listened')));
  });
};

const isReady = (address: string, probePort: number): Promise<boolean> =>
  fetch(`http://${address}:${probePort}/readyz`).then(
    ({ status }) => status === 200,
    () => false,
  );

const end = async (child: ChildProcessByStdio<null, Readable, null>, signal: NodeJS.Signals): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
};

/**
 * Runs `node program settingsPath`; resolves when it is ready. It dies with this process, however that ends. Its log must
 * be at least at `info`, where it tells its ports.
 * @param address where it listens.
 */
export const spawnService = async (
  program: string,
  settingsPath: string,
  address = '127.0.0.1',
): Promise<SpawnedService> => {
  const command = ['--pdeathsig', 'KILL', process.execPath, program, settingsPath];
  const child = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const { pid } = child;
    if (pid === undefined) throw new Error('setpriv cannot be run');
    const ports = await readPorts(child.stdout);
    await eventually(() => isReady(address, ports['probe'] ?? 0), readyMilliseconds);
    return { pid, ports, stop: () => end(child, 'SIGTERM'), kill: () => end(child, 'SIGKILL') };
  } catch (error) {
    await end(child, 'SIGKILL');
    throw error;
  }
};
