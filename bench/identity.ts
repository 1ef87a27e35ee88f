// node bench/identity.ts [--callers 1,16,64] [--seconds 5] [--warm 10] [--peers keycloak,hydra,bare] [--peer-warm 45] [--fill 10000,1000000] [--flows client_credentials,refresh,introspection,sign_in]
import { parseArgs } from 'node:util';
import pg from 'pg';
import { z } from 'zod';
import { createConcurrencyLimit } from '../services/auth/accounts/concurrency-limit.ts';
import { createPasswordHashing } from '../services/auth/accounts/password-hashing.ts';
import { bundlePrograms } from '../tools/bundle.ts';
import { compare } from './identity/comparison.ts';
import { fillPeople } from './identity/fill.ts';
import { flowNames, type Subject } from './identity/flow.ts';
import { createFlows } from './identity/flows.ts';
import { measureFlow } from './identity/measure-flow.ts';
import { startBareProvider } from './identity/peers/bare.ts';
import { startHydra } from './identity/peers/hydra.ts';
import { startKeycloak } from './identity/peers/keycloak.ts';
import type { PeerStart } from './identity/peers/peer.ts';
import { type IdentityProcesses, startIdentityProcesses } from './identity/processes.ts';
import { type BenchResult, buildReport, formatTable, writeReport } from './report.ts';

const { values } = parseArgs({
  options: {
    callers: { type: 'string', default: '1,16,64' },
    seconds: { type: 'string', default: '5' },
    warm: { type: 'string', default: '10' },
    peers: { type: 'string', default: 'keycloak,hydra,bare' },
    fill: { type: 'string', default: '' },
    'peer-warm': { type: 'string', default: '45' },
    flows: { type: 'string', default: flowNames.join() },
  },
});
const callers = values.callers.split(',').map((count) => z.coerce.number().int().min(1).max(256).parse(count));
const seconds = z.coerce.number().min(1).max(600).parse(values.seconds);
/** Of each flow's first load, s; later ones find its code compiled. */
const warm = z.coerce.number().min(0).max(600).parse(values.warm);
/** How many people there are in the database, one measurement each, in rising order; at sixteen callers. */
const fills = values.fill
  .split(',')
  .filter(Boolean)
  .map((count) => z.coerce.number().int().min(1).parse(count));
const peerWarm = z.coerce.number().min(0).max(600).parse(values['peer-warm']);
const wanted = new Set(values.flows.split(','));

const hashes = 50;

/** CPU of one hash of a password, us, at the settings of sign-in. */
const measureHash = async (): Promise<BenchResult> => {
  const hashing = await createPasswordHashing(createConcurrencyLimit({ concurrency: 1, maxWaiting: hashes }));
  const before = process.cpuUsage();
  for (let count = 0; count < hashes; count += 1) await hashing.hash('a password of some length');
  const { user, system } = process.cpuUsage(before);
  return { name: 'argon2id_us', value: (user + system) / hashes, unit: 'us', context: { callers: 1 } };
};

const peerStarts: readonly (readonly [string, PeerStart])[] = [
  ['keycloak', startKeycloak],
  ['hydra', startHydra],
  ['bare', startBareProvider],
];
const wantedPeers = new Set(values.peers.split(','));

/** Every wanted flow at every number of callers; `warms` says for how long, s, each flow is called before its first. */
const measureAll = async (
  subject: Subject,
  warms: number,
  name: (own: string) => string = (own) => own,
): Promise<BenchResult[]> => {
  const measured: BenchResult[] = [];
  for (const flow of subject.flows.filter((one) => wanted.has(one.name))) {
    for (const [level, count] of callers.entries()) {
      const durations = { warmMilliseconds: (level === 0 ? warms : 1) * 1_000, measuredMilliseconds: seconds * 1_000 };
      measured.push(...(await measureFlow(subject, flow, count, durations)));
      process.stdout.write(`${name(flow.name)}, ${count} callers\n`);
    }
  }
  return measured.map((result) => ({ ...result, name: name(result.name) }));
};

/** A peer's figures; a peer that this machine cannot have says why. */
const measurePeer = async (
  processes: IdentityProcesses,
  [name, start]: readonly [string, PeerStart],
): Promise<BenchResult[] | string> => {
  const { createDatabase, postgresSeconds } = processes;
  try {
    const peer = await start({ callers: Math.max(...callers), createDatabase, env: process.env });
    try {
      const rss = await peer.memoryMib();
      const usage = async () => ({ server: await peer.cpuSeconds(), postgres: await postgresSeconds() });
      const measured = await measureAll({ flows: peer.flows, usage }, peerWarm, (own) => `${name}_${own}`);
      return [{ name: `${name}_idle_mib`, value: rss, unit: 'MiB', context: { callers: 1 } }, ...measured];
    } finally {
      await peer.stop();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

const chainCalls = 400;

/** CPU of a refresh at the beginning of a family and far in it. */
const measureChains = async ({ flows, usage }: Subject, lengths: readonly number[]): Promise<BenchResult[]> => {
  const [refresh] = (await flows.find(({ name }) => name === 'refresh')?.prepare(1)) ?? [];
  if (refresh === undefined) return [];
  const total = async (): Promise<number> =>
    Object.values(await usage()).reduce((sum, cpuSeconds) => sum + cpuSeconds, 0);
  const measured: BenchResult[] = [];
  let length = 0;
  for (const chain of lengths) {
    for (; length < chain; length += 1) await refresh();
    const before = await total();
    for (const end = length + chainCalls; length < end; length += 1) await refresh();
    const value = (((await total()) - before) * 1_000_000) / chainCalls;
    measured.push({ name: 'refresh_chain_cpu_us', value, unit: 'us', context: { callers: 1, chain } });
  }
  return measured;
};

/** Every wanted flow with so many people more in the database, and what the processes occupy. */
const measureFilled = async (processes: IdentityProcesses, subject: Subject): Promise<BenchResult[]> => {
  const measured: BenchResult[] = [];
  const owner = new pg.Client({ connectionString: processes.ownerUrl });
  await owner.connect();
  try {
    for (const [level, people] of fills.entries()) {
      await fillPeople(owner, fills[level - 1] ?? 0, people);
      const found: BenchResult[] = [];
      for (const flow of subject.flows.filter((one) => wanted.has(one.name))) {
        const durations = { warmMilliseconds: 1_000, measuredMilliseconds: seconds * 1_000 };
        found.push(...(await measureFlow(subject, flow, 16, durations)));
        process.stdout.write(`${flow.name}, ${people} people\n`);
      }
      for (const [name, value] of Object.entries(await processes.memory()))
        found.push({ name: `${name}_busy_mib`, value, unit: 'MiB', context: { callers: 16 } });
      measured.push(...found.map((result) => ({ ...result, context: { ...result.context, people } })));
    }
  } finally {
    await owner.end();
  }
  return measured;
};

await bundlePrograms();
const results: BenchResult[] = [];
const notMeasured: Record<string, string> = {};
const processes = await startIdentityProcesses(Math.max(...callers));
try {
  for (const [name, value] of Object.entries(await processes.memory()))
    results.push({ name: `${name}_idle_mib`, value, unit: 'MiB', context: { callers: 1 } });
  results.push(await measureHash());
  const subject = { flows: await createFlows(processes), usage: processes.usage };
  results.push(...(await measureAll(subject, warm)));
  if (wanted.has('refresh')) results.push(...(await measureChains(subject, [10, 1_000])));
  results.push(...(await measureFilled(processes, subject)));
  for (const peer of peerStarts.filter(([name]) => wantedPeers.has(name))) {
    const measured = await measurePeer(processes, peer);
    if (typeof measured === 'string') notMeasured[peer[0]] = measured.slice(0, 500);
    else results.push(...measured);
  }
} finally {
  await processes.stop();
  // Of a flow whose every call failed there is nothing but the number of failures.
  const all = [...results, ...compare(results)].filter(({ value }) => Number.isFinite(value));
  const report = { ...(await buildReport(all, new Date())), notMeasured };
  process.stdout.write(`\n${report.machine}, ${report.commit}\n${formatTable(all)}\n`);
  for (const [name, reason] of Object.entries(notMeasured)) process.stdout.write(`${name}: not measured: ${reason}\n`);
  process.stdout.write(`${await writeReport('identity', report)}\n`);
}
