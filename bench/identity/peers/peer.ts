import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';
import { eventually } from '../../../services/shared/testing/condition.ts';
import { readProcessUsage } from '../../operator/process-usage.ts';
import type { Flow } from '../flow.ts';

/** Another issuer, on this machine and on the same PostgreSQL server where it uses one. */
export type Peer = {
  readonly flows: readonly Flow[];
  /** CPU that it has used so far, s. */
  cpuSeconds(): Promise<number>;
  memoryMib(): Promise<number>;
  stop(): Promise<void>;
};

/** How a peer is made. It rejects with the reason when this machine lacks something. */
export type PeerStart = (options: {
  /** Most callers that there will be: so many connections and people. */
  readonly callers: number;
  /** Makes an empty database; a URL of the server's superuser. */
  createDatabase(name: string): Promise<string>;
  readonly env: NodeJS.ProcessEnv;
}) => Promise<Peer>;

/** A connection a caller, in plaintext: peers are measured without TLS, which is in their favour. */
export const connectTo = (port: number, connections: number): Pool =>
  new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1, headersTimeout: 30_000 });

/** A program that serves; it dies with this process, however that ends. */
export type Server = {
  cpuSeconds(): Promise<number>;
  memoryMib(): Promise<number>;
  stop(): Promise<void>;
};

const startMilliseconds = 300_000;

/** Of a script that starts the server and waits for it. */
const childrenOf = async (pid: number): Promise<number[]> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
};

/** Resolves when `path` of the port answers with less than 500. */
export const startServer = async (
  [command, ...words]: readonly [string, ...string[]],
  options: { readonly env: NodeJS.ProcessEnv; readonly port: number; readonly path: string; readonly cwd?: string },
): Promise<Server> => {
  const child: ChildProcess = spawn('setpriv', ['--pdeathsig', 'TERM', command, ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: options.env,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} cannot be run`);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  const isUp = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
    const { status } = await fetch(`http://127.0.0.1:${options.port}${options.path}`).catch(() => ({ status: 599 }));
    return status < 500;
  };
  try {
    await eventually(isUp, startMilliseconds);
  } catch (error) {
    await stop();
    throw error;
  }
  const usage = async () => Promise.all([pid, ...(await childrenOf(pid))].map(readProcessUsage));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    cpuSeconds: async () => sum((await usage()).map(({ cpuSeconds }) => cpuSeconds)),
    memoryMib: async () => sum((await usage()).map(({ rssMib }) => rssMib)),
    stop,
  };
};
