import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from './free-port.ts';

/** A Redis of the machine's package on a port of loopback, with nothing in it. */
export interface TestRedis {
  readonly port: number;
  /** Everything that it has logged. */
  log(): string;
  /** SIGKILL, as when a machine dies. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  /** Kills it if it runs, and takes its folder away. */
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  /** Lines of `redis.conf` besides; `--sentinel` needs some of its own. */
  readonly configuration?: readonly string[];
  readonly sentinel?: boolean;
  readonly password?: string;
  /** PEM of certificate and key: it then speaks TLS alone. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

const startMilliseconds = 10_000;
const readyLine = /Ready to accept connections|Sentinel ID is/;

const configurationOf = (port: number, directory: string, options: TestRedisOptions): string => {
  const { tls, password, configuration = [], sentinel = false } = options;
  const files = tls === undefined ? [] : (['cert', 'key'] as const).map((name) => join(directory, name));
  for (const [index, file] of files.entries()) writeFileSync(file, (index === 0 ? tls?.cert : tls?.key) ?? '');
  return [
    'bind 127.0.0.1',
    'protected-mode no',
    `dir ${directory}`,
    ...(tls === undefined
      ? [`port ${port}`]
      : ['port 0', `tls-port ${port}`, `tls-cert-file ${files[0]}`, `tls-key-file ${files[1]}`, 'tls-auth-clients no']),
    ...(sentinel ? [] : ['save ""', 'appendonly no']),
    ...(password === undefined ? [] : [`requirepass ${password}`]),
    ...configuration,
  ].join('\n');
};

/** Starts a server and waits until it serves; `redis-server` must be installed (`make test` sees to it). */
export const startRedis = async (options: TestRedisOptions = {}): Promise<TestRedis> => {
  const directory = mkdtempSync(join(tmpdir(), 'redis-test-'));
  const port = await findFreePort();
  const file = join(directory, 'redis.conf');
  writeFileSync(file, configurationOf(port, directory, options));
  let output = '';
  let server: ChildProcess | undefined;

  const kill = async (): Promise<void> => {
    const running = server;
    server = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  };
  const start = async (): Promise<void> => {
    const from = output.length;
    const started = spawn('redis-server', [file, ...(options.sentinel ? ['--sentinel'] : [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    server = started;
    const isReady = () => readyLine.test(output.slice(from));
    await new Promise<void>((resolve, reject) => {
      const give = () => reject(new Error(`redis-server did not start: ${output.slice(from)}`));
      const deadline = setTimeout(give, startMilliseconds);
      started.once('error', reject);
      started.once('exit', give);
      for (const stream of [started.stdout, started.stderr]) {
        stream?.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (isReady()) {
            clearTimeout(deadline);
            started.off('exit', give);
            resolve();
          }
        });
      }
    });
  };
  const stop = async (): Promise<void> => {
    await kill();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, log: () => output, kill, restart: start, stop };
};
