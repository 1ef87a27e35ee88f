import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import { labels, managedByValue } from '../../operator/api/group.ts';
import { hasReason } from '../../operator/runtime/kubernetes-error.ts';
import { builtInResources } from '../../operator/runtime/resource-kind.ts';
import { ownedKinds } from '../../operator/tenant/caches/tenant-caches.ts';
import type { Progress } from '../../tools/machine/progress.ts';
import type { BenchResult } from '../report.ts';
import { type BenchCluster, startBenchCluster } from './bench-cluster.ts';
import { measureCreateFloor, readTenantObjects } from './create-floor.ts';
import {
  buildBareObject,
  changeBare,
  createDatabaseSecret,
  createTenant,
  deleteDatabaseSecret,
  deleteTenant,
  type FleetTenant,
  forEach,
  nameFleet,
  prepareFleet,
  setDeletionPolicy,
  setLogLevel,
  touchTenant,
} from './fleet.ts';
import { type FleetWatch, startFleetWatch } from './fleet-watch.ts';
import { histogramBetween, sumOf } from './metrics-text.ts';
import { type OperatorProcess, startOperatorProcess } from './operator-process.ts';
import { histogramQuantile, quantile } from './quantile.ts';
import { startStatusWriter } from './status-writer.ts';

/** What is measured, and of how many tenants. */
export type FleetOptions = {
  readonly tenants: number;
  /** How long a fleet is watched that should rest, s. */
  readonly windowSeconds: number;
  /** How many others are made while changes are measured. */
  readonly crowd: number;
  /** Further flags of Node for the operator, such as those of a profiler. */
  readonly flags: readonly string[];
  readonly phases: ReadonlySet<Phase>;
  readonly progress: Progress;
};

/** What a phase works on, and where it says what it found. */
type Bench = {
  readonly options: FleetOptions;
  readonly cluster: BenchCluster;
  readonly watch: FleetWatch;
  readonly fleet: readonly FleetTenant[];
  /** The one that leads; a phase may replace it. */
  operator: OperatorProcess;
  readonly startOperator: () => Promise<OperatorProcess>;
  readonly add: (name: string, value: number, unit: string) => void;
};

/** Enough for a slow machine: these bound a run, they judge nothing. */
const deadlineOf = ({ options }: Pick<Bench, 'options'>): number => 120_000 + options.tenants * 1_000;

const settle = () => sleep(3_000);

const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1_000;

/** From no tenant to all Ready. */
const converge = async (bench: Bench): Promise<void> => {
  const { cluster, fleet, watch, add } = bench;
  await prepareFleet(cluster.client, fleet);
  await settle();
  await cluster.countRequests();
  const cpuBefore = { operator: (await bench.operator.usage()).cpuSeconds, api: await cluster.apiServerCpuSeconds() };
  const startedAt = performance.now();
  await Promise.all([
    forEach(fleet, (tenant) => createTenant(cluster.client, tenant)),
    watch.waitForCount('Ready', fleet.length, deadlineOf(bench)),
  ]);
  add('converge_s', secondsSince(startedAt), 's');
  await bench.operator.waitUntilIdle(fleet.length, 60_000);
  await settle();
  const { writes, events, reads, byKind } = await cluster.countRequests();
  const usage = await bench.operator.usage();
  add('writes_per_tenant', writes / fleet.length, '1');
  add('events_per_tenant', events / fleet.length, '1');
  add('reads_per_tenant', reads / fleet.length, '1');
  add('rss_mib', usage.rssMib, 'MiB');
  add('rss_file_mib', usage.fileMib, 'MiB');
  add('converge_rss_peak_mib', usage.peakMib, 'MiB');
  add('converge_operator_cpu_s', usage.cpuSeconds - cpuBefore.operator, 's');
  add('converge_apiserver_cpu_s', (await cluster.apiServerCpuSeconds()) - cpuBefore.api, 's');
  const calls = [...byKind].map(([name, count]) => `${name} ${(count / fleet.length).toFixed(2)}`);
  bench.options.progress.note(`calls a tenant: ${calls.join(', ')}`);
};

/** Requests in a while in which there is nothing to do. */
const countAtRest = async ({ cluster, options, add }: Bench, suffix: string): Promise<void> => {
  await settle();
  await cluster.countRequests();
  await sleep(options.windowSeconds * 1_000);
  const { writes, events, reads, byKind } = await cluster.countRequests();
  add(`writes_60s${suffix}`, ((writes + events) * 60) / options.windowSeconds, '1');
  add(`reads_60s${suffix}`, (reads * 60) / options.windowSeconds, '1');
  if (byKind.size > 0) options.progress.note(`at rest: ${[...byKind].map((entry) => entry.join(' ')).join(', ')}`);
};

const rest = async (bench: Bench): Promise<void> => {
  await countAtRest(bench, '');
  bench.add('rss_rested_mib', (await bench.operator.usage()).rssMib, 'MiB');
};

/** Reconciles of tenants for which there is nothing to do. */
const doNothing = async ({ cluster, operator, fleet, options, add }: Bench): Promise<void> => {
  await settle();
  await cluster.countRequests();
  const before = await operator.scrape();
  const done = 'controller_runtime_reconcile_total';
  const controller = { controller: 'tenant' };
  const wanted = sumOf(before, done, controller) + fleet.length;
  await forEach(fleet, (tenant) => touchTenant(cluster.client, tenant, 'once'), 1);
  await operator.waitUntilIdle(wanted, 60_000);
  const buckets = histogramBetween(
    before,
    await operator.scrape(),
    'controller_runtime_reconcile_time_seconds',
    controller,
  );
  add('noop_reconcile_p50_ms', histogramQuantile(buckets, 0.5) * 1_000, 'ms');
  add('noop_reconcile_p99_ms', histogramQuantile(buckets, 0.99) * 1_000, 'ms');
  await settle();
  const { writes, events, reads, byKind } = await cluster.countRequests();
  add('noop_calls', writes + events + reads, '1');
  if (byKind.size > 0) options.progress.note(`for nothing: ${[...byKind].map((entry) => entry.join(' ')).join(', ')}`);
};

/** How long changes took to be seen in their objects, ms: those that the operator carried out, and those of a bare client. */
type Changes = { readonly tenants: number[]; readonly bare: number[] };

const millisecondsOf = async (task: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await task();
  return performance.now() - startedAt;
};

/**
 * Changes tenants one after the other, and beside each an object that no operator knows, by the same requests: what that takes
 * is not the operator's.
 */
const measureChanges = async (
  { cluster: { client }, watch, fleet }: Bench,
  logLevels: readonly [string, string],
  goOn: (changes: number) => boolean,
): Promise<Changes> => {
  const changes: Changes = { tenants: [], bare: [] };
  while (goOn(changes.tenants.length)) {
    const count = changes.tenants.length;
    const tenant = fleet[count % fleet.length];
    if (tenant === undefined) break;
    const logLevel = logLevels[Math.floor(count / fleet.length) % 2] ?? '';
    const text = `"${logLevel}"`;
    const change = () =>
      Promise.all([setLogLevel(client, tenant, logLevel), watch.waitForLiveSettings(tenant, text, 60_000)]);
    changes.tenants.push(await millisecondsOf(change));
    await sleep(20);
    const changeOther = () =>
      Promise.all([changeBare(client, tenant, text), watch.waitForBareObject(tenant, text, 60_000)]);
    await client.create(buildBareObject(tenant, '')).catch(ignoreExisting);
    changes.bare.push(await millisecondsOf(changeOther));
    await sleep(20);
  }
  return changes;
};

const ignoreExisting = (error: unknown): void => {
  if (!hasReason(error, 'AlreadyExists')) throw error;
};

const addChanges = ({ add }: Bench, name: string, { tenants, bare }: Changes): void => {
  add(`${name}_p50_ms`, quantile(tenants, 0.5), 'ms');
  add(`${name}_p99_ms`, quantile(tenants, 0.99), 'ms');
  add(`${name}_samples`, tenants.length, '1');
  add(`${name}_floor_p50_ms`, quantile(bare, 0.5), 'ms');
  add(`${name}_floor_p99_ms`, quantile(bare, 0.99), 'ms');
};

const changeQuiet = async (bench: Bench): Promise<void> => {
  addChanges(bench, 'change_to_object', await measureChanges(bench, ['debug', 'error'], (changes) => changes < 300));
};

/** The same while others are made. */
const changeBusy = async (bench: Bench): Promise<void> => {
  const { cluster, watch, options } = bench;
  const others = nameFleet('crowd', options.crowd);
  await prepareFleet(cluster.client, others);
  await settle();
  const wanted = watch.count('Ready') + options.crowd;
  let busy = true;
  const making = Promise.all([
    forEach(others, (tenant) => createTenant(cluster.client, tenant)),
    watch.waitForCount('Ready', wanted, deadlineOf(bench)),
  ]).finally(() => {
    busy = false;
  });
  const startedAt = performance.now();
  const samples = await measureChanges(bench, ['warn', 'info'], () => busy);
  await making;
  addChanges(bench, 'change_to_object_busy', samples);
  bench.add('crowd_converge_s', secondsSince(startedAt), 's');
};

/** An orderly stop, and a start of which the time until there is nothing more to do is taken. */
const restart = async (bench: Bench): Promise<void> => {
  const { peakMib } = await bench.operator.usage();
  await bench.operator.stop('SIGTERM');
  await bench.cluster.countRequests();
  const startedAt = performance.now();
  bench.operator = await bench.startOperator();
  await bench.operator.waitUntilIdle(bench.fleet.length, deadlineOf(bench));
  bench.add('restart_s', secondsSince(startedAt), 's');
  const { writes, events, reads } = await bench.cluster.countRequests();
  bench.add('restart_writes', writes + events, '1');
  bench.add('restart_reads', reads, '1');
  await settle();
  const usage = await bench.operator.usage();
  bench.add('restart_rss_mib', usage.rssMib, 'MiB');
  bench.add('rss_peak_mib', Math.max(peakMib, usage.peakMib), 'MiB');
};

/** The leader is killed beside a warm standby; the time until a change of a tenant reaches its object. */
const failover = async (bench: Bench): Promise<void> => {
  const { cluster, watch, fleet } = bench;
  const standby = await bench.startOperator();
  await waitUntil('the standby to be warm', deadlineOf(bench), standby.isReady);
  await settle();
  bench.add('standby_rss_mib', (await standby.usage()).rssMib, 'MiB');
  const [tenant] = fleet;
  if (tenant === undefined) return;
  const startedAt = performance.now();
  await bench.operator.stop('SIGKILL');
  bench.operator = standby;
  await Promise.all([setLogLevel(cluster.client, tenant, 'warn'), watch.waitForLiveSettings(tenant, '"warn"', 60_000)]);
  bench.add('failover_s', secondsSince(startedAt), 's');
  await standby.waitUntilIdle(fleet.length, deadlineOf(bench));
  bench.add('failover_idle_s', secondsSince(startedAt), 's');
};

/** Every tenant loses what its spec names, and gets it back. */
const breakAll = async (bench: Bench): Promise<void> => {
  const { cluster, watch, fleet, add } = bench;
  await settle();
  const ready = watch.count('Ready');
  await cluster.countRequests();
  await forEach(fleet, (tenant) => deleteDatabaseSecret(cluster.client, tenant));
  await watch.waitForCount('Stalled', fleet.length, deadlineOf(bench));
  await settle();
  const { writes, events, reads } = await cluster.countRequests();
  add('broken_writes_per_tenant', writes / fleet.length, '1');
  add('broken_events_per_tenant', events / fleet.length, '1');
  add('broken_reads_per_tenant', reads / fleet.length, '1');
  await countAtRest(bench, '_broken');
  const startedAt = performance.now();
  await Promise.all([
    forEach(fleet, (tenant) => createDatabaseSecret(cluster.client, tenant)),
    watch.waitForCount('Ready', ready, deadlineOf(bench)),
  ]);
  add('recover_s', secondsSince(startedAt), 's');
};

const countOwned = async ({ client }: BenchCluster): Promise<number> => {
  const labelSelector = `${labels.managedBy}=${managedByValue}`;
  const pages = await Promise.all(
    [...ownedKinds, builtInResources.secrets].map((kind) => client.list(kind, { labelSelector, limit: 500 })),
  );
  return pages.reduce((total, { items }) => total + items.length, 0);
};

/** All tenants go, with what they would retain. Kubernetes' garbage collector takes what they own. */
const deleteAll = async (bench: Bench): Promise<void> => {
  const { cluster, fleet, watch } = bench;
  const all = watch.count('Ready') === fleet.length ? fleet : [...fleet, ...nameFleet('crowd', bench.options.crowd)];
  await forEach(all, (tenant) => setDeletionPolicy(cluster.client, tenant, 'Delete'));
  await watch.waitForCount('Ready', all.length, deadlineOf(bench));
  await settle();
  cluster.plane.startControllerManager([
    '--controllers=garbage-collector-controller',
    // The stock 20 requests a second would take half an hour, and say nothing of the operator.
    '--kube-api-qps=1000',
    '--kube-api-burst=1000',
  ]);
  const startedAt = performance.now();
  await forEach(all, (tenant) => deleteTenant(cluster.client, tenant));
  let left = Number.NaN;
  await waitUntil(
    'everything of the tenants to be gone',
    120_000 + all.length * 1_000,
    async () => {
      left = await countOwned(cluster);
      return left === 0;
    },
    1_000,
  ).catch(() => undefined);
  bench.add('deletion_s', secondsSince(startedAt), 's');
  bench.add('left_after_deletion', left, '1');
};

/** In their order: each leaves the fleet Ready for the next one. */
const phases = { converge, rest, doNothing, changeQuiet, restart, failover, breakAll, changeBusy, deleteAll };
export type Phase = keyof typeof phases;
// The names of an object literal.
export const allPhases = Object.keys(phases) as Phase[];

/**
 * Measures a fleet on a control plane of its own. What it finds goes to the end of `results` at once, so that it is not lost
 * when a later phase fails.
 */
export const measureFleet = async (options: FleetOptions, results: BenchResult[]): Promise<void> => {
  const { tenants, progress } = options;
  const add: Bench['add'] = (name, value, unit) => {
    results.push({ name, value, unit, context: { tenants } });
  };
  const cluster = await startBenchCluster();
  const operators: OperatorProcess[] = [];
  const stops: (() => Promise<void>)[] = [];
  const fleet = nameFleet('fleet', tenants);
  let objects: Awaited<ReturnType<typeof readTenantObjects>> = [];
  try {
    stops.push(await startStatusWriter(cluster.client));
    const watch = await startFleetWatch(cluster.client);
    stops.push(watch.stop);
    const startOperator = async () => {
      const name = `operator-${operators.length + 1}`;
      const { operatorKubeconfig: kubeconfig, plane } = cluster;
      const operator = await startOperatorProcess({
        name,
        kubeconfig,
        directory: plane.directory,
        flags: options.flags,
      });
      operators.push(operator);
      return operator;
    };
    const operator = await startOperator();
    await operator.waitUntilIdle(0, 30_000);
    await settle();
    add('rss_empty_mib', (await operator.usage()).rssMib, 'MiB');
    const bench: Bench = { options, cluster, watch, fleet, operator, startOperator, add };
    for (const name of allPhases.filter((phase) => options.phases.has(phase))) {
      const first = results.length;
      await progress.step(name, async (detail) => {
        await phases[name](bench);
        const found = results.slice(first, first + 2).map((one) => `${one.name} ${one.value.toFixed(1)}`);
        detail(found.join(', '));
      });
      if (name === 'converge') {
        objects = fleet[0] === undefined ? [] : await readTenantObjects(cluster.client, fleet[0]);
        add('objects_per_tenant', objects.length, '1');
      }
    }
  } finally {
    await Promise.all(operators.map((operator) => operator.stop('SIGKILL')));
    await Promise.all(stops.map((stop) => stop()));
    await cluster.stop();
  }
  const [tenant] = fleet;
  if (tenant !== undefined && objects.length > 0) {
    await progress.step('createFloor', async () => {
      const floor = await measureCreateFloor(objects, tenant, tenants);
      const converged = results.findLast(({ name }) => name === 'converge_s')?.value ?? Number.NaN;
      add('apiserver_create_floor_s', floor, 's');
      add('converge_ratio', converged / floor, '1');
    });
  }
};
