import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { Pool } from 'undici';
import { putClient, shop, startAuthFixture } from '../../services/auth/testing/auth-fixture.ts';
import { type Browser, createBrowser, createSend, type Send } from '../../services/auth/testing/browser.ts';
import { loadWorkloadIdentity } from '../../services/shared/identity.ts';
import { peerConnectOptions } from '../../services/shared/mutual-tls.ts';
import { type SpawnedService, spawnService } from '../../services/shared/testing/spawned-service.ts';
import { testLiveSettings } from '../../services/token-store/testing/token-store-fixture.ts';
import { bundleDirectory } from '../../tools/bundle.ts';
import { readProcessUsage } from '../operator/process-usage.ts';

/** One auth and one token-store process over one PostgreSQL, all of this machine. */
export type IdentityProcesses = {
  readonly issuer: string;
  /** To auth, as the gateway: as many connections as callers. */
  readonly connections: Pool;
  readonly send: Send;
  /** One that has never been here; like everybody's, its requests come by the gateway's connections, which stay open. */
  browser(): Browser;
  /** CPU that each has used so far, s. */
  usage(): Promise<Readonly<Record<'auth' | 'token_store' | 'postgres', number>>>;
  /** An empty database beside, and the CPU of the whole PostgreSQL server, for peers. */
  createDatabase(name: string): Promise<string>;
  postgresSeconds(): Promise<number>;
  /** Of the owner of what the services keep. */
  readonly ownerUrl: string;
  /** What auth and token-store occupy now, MiB. */
  memory(): Promise<Readonly<Record<'auth' | 'token_store', number>>>;
  stop(): Promise<void>;
};

/** As in the image: bundles start quicker than sources, and occupy less. */
const programOf = (name: 'auth' | 'token-store'): string => join(bundleDirectory, `${name}.mjs`);
const ticksPerSecond = 100;

/** PostgreSQL's server process for a directory of data, and all that it has made. */
const readPostgresSeconds = async (port: number): Promise<number> => {
  let ticks = 0;
  const servers = new Set<string>();
  const stats: { parent: string; pid: string; own: number; ended: number }[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (!stat.includes('(postgres)')) continue;
    // Fields behind the command, which may hold spaces: state, ppid, ..., utime (11), stime, cutime, cstime.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ofFields = (first: number): number => Number(fields[first]) + Number(fields[first + 1]);
    stats.push({ parent: fields[1] ?? '', pid, own: ofFields(11), ended: ofFields(13) });
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(`port=${port}`) || command.includes(`\0${port}\0`)) servers.add(pid);
  }
  for (const { parent, pid, own, ended } of stats) {
    if (servers.has(pid)) ticks += own + ended;
    else if (servers.has(parent)) ticks += own;
  }
  if (servers.size === 0) throw new Error(`no PostgreSQL listens on port ${port}`);
  return ticks / ticksPerSecond;
};

/**
 * Needs the bundled programs.
 * @param connections how many callers there are at most.
 */
export const startIdentityProcesses = async (connections: number): Promise<IdentityProcesses> => {
  const logger = pino({ level: 'silent' });
  const fixture = await startAuthFixture(logger);
  const started: SpawnedService[] = [];
  const ended = new AbortController();
  try {
    await fixture.stopTokenStore();
    // Their logs tell the ports.
    fixture.store.writeFile('live/live.json', JSON.stringify(testLiveSettings('info')));
    const storePath = fixture.store.writeFile('bench-store.json', JSON.stringify(fixture.store.settings()));
    const store = await spawnService(programOf('token-store'), storePath);
    started.push(store);
    const auth = await fixture.startProcess(programOf('auth'), {
      tokenStore: {
        headlessHost: '127.0.0.1',
        fallbackHost: '127.0.0.1',
        port: store.ports['token-store'] ?? 0,
      },
    });
    await putClient(
      fixture.send('operator', () => [auth]),
      shop,
    );
    const certificates = join(fixture.store.settings().identityDirectory, '..', 'gateway');
    const name = { tenant: 'customers', namespace: 'identity' };
    const identity = loadWorkloadIdentity(certificates, { ...name, signal: ended.signal, logger });
    const pool = new Pool(`https://127.0.0.1:${auth.ports['auth']}`, {
      connect: peerConnectOptions(identity, 'auth'),
      connections,
      pipelining: 1,
    });
    const databasePort = Number(new URL(fixture.store.databaseUrl).port);
    const { issuer } = fixture.settings();
    const send = createSend(pool, () => [auth.ports['auth'] ?? 0]);
    return {
      issuer,
      connections: pool,
      send,
      browser: () => createBrowser(issuer, send),
      usage: async () => ({
        auth: (await readProcessUsage(auth.pid)).cpuSeconds,
        token_store: (await readProcessUsage(store.pid)).cpuSeconds,
        postgres: await readPostgresSeconds(databasePort),
      }),
      createDatabase: fixture.store.postgres.createDatabase,
      ownerUrl: fixture.store.databaseUrl,
      postgresSeconds: () => readPostgresSeconds(databasePort),
      memory: async () => ({
        auth: (await readProcessUsage(auth.pid)).rssMib,
        token_store: (await readProcessUsage(store.pid)).rssMib,
      }),
      stop: async () => {
        ended.abort();
        await pool.close();
        for (const service of started) await service.stop();
        await fixture.stop();
      },
    };
  } catch (error) {
    ended.abort();
    for (const service of started) await service.stop();
    await fixture.stop();
    throw error;
  }
};
