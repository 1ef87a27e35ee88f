import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type Clock, systemClock } from './clock.ts';
import type { ControllerObserver } from './controller.ts';
import type { ObserveRequest } from './kubernetes-transport.ts';
import type { WorkQueueObserver } from './work-queue.ts';

/** Observers that count under controller-runtime's names, so that existing dashboards and alerts work. */
export interface RuntimeMetrics {
  readonly observeRequest: ObserveRequest;
  controller(name: string, concurrency: number): ControllerObserver;
  workQueue(name: string): WorkQueueObserver;
  leaderElection(name: string): { leading(isLeader: boolean): void };
}

// controller-runtime's buckets, in seconds.
const reconcileBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const queueBuckets = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1_000];

const requestBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

/** Registers the metrics in `registry`; once a registry. */
export const createRuntimeMetrics = (registry: Registry, clock: Clock = systemClock): RuntimeMetrics => {
  const registers = [registry];
  /** Keys that are worked on, by queue: since when (monotonic ms). */
  const working = new Map<string, Map<string, number>>();
  const secondsOfWork = (name: string): number[] =>
    [...(working.get(name)?.values() ?? [])].map((since) => (clock.monotonic() - since) / 1_000);
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Number of HTTP requests, partitioned by status code, method, and host.',
    labelNames: ['code', 'method', 'host'] as const,
    registers,
  });
  const requestTime = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Request latency in seconds, partitioned by verb and host. Of a watch: until it begins.',
    labelNames: ['verb', 'host'] as const,
    buckets: requestBuckets,
    registers,
  });
  const reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Total number of reconciliations per controller.',
    labelNames: ['controller', 'result'] as const,
    registers,
  });
  const reconcileErrors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Total number of reconciliation errors per controller.',
    labelNames: ['controller'] as const,
    registers,
  });
  const reconcileTime = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of time per reconciliation per controller.',
    labelNames: ['controller'] as const,
    buckets: reconcileBuckets,
    registers,
  });
  const maxConcurrent = new Gauge({
    name: 'controller_runtime_max_concurrent_reconciles',
    help: 'Maximum number of concurrent reconciles per controller.',
    labelNames: ['controller'] as const,
    registers,
  });
  const activeWorkers = new Gauge({
    name: 'controller_runtime_active_workers',
    help: 'Number of currently used workers per controller.',
    labelNames: ['controller'] as const,
    registers,
  });
  const queueLabels = ['name', 'controller'] as const;
  const depth = new Gauge({
    name: 'workqueue_depth',
    help: 'Current depth of the work queue.',
    labelNames: queueLabels,
    registers,
  });
  const adds = new Counter({
    name: 'workqueue_adds_total',
    help: 'Total number of adds handled by the work queue.',
    labelNames: queueLabels,
    registers,
  });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Total number of retries handled by the work queue.',
    labelNames: queueLabels,
    registers,
  });
  const queueTime = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long in seconds an item stays in the work queue before being requested.',
    labelNames: queueLabels,
    buckets: queueBuckets,
    registers,
  });
  const workTime = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long in seconds processing an item from the work queue takes.',
    labelNames: queueLabels,
    buckets: queueBuckets,
    registers,
  });
  new Gauge({
    name: 'workqueue_unfinished_work_seconds',
    help: 'How many seconds of work are in progress and not yet in workqueue_work_duration_seconds. Large: stuck workers.',
    labelNames: queueLabels,
    registers,
    collect() {
      for (const name of working.keys()) {
        const total = secondsOfWork(name).reduce((sum, seconds) => sum + seconds, 0);
        this.set({ name, controller: name }, total);
      }
    },
  });
  new Gauge({
    name: 'workqueue_longest_running_processor_seconds',
    help: 'How many seconds the longest running worker has been at its key.',
    labelNames: queueLabels,
    registers,
    collect() {
      for (const name of working.keys()) this.set({ name, controller: name }, Math.max(0, ...secondsOfWork(name)));
    },
  });
  const leader = new Gauge({
    name: 'leader_election_master_status',
    help: 'Whether the reporting process leads: 1, or 0 for a standby.',
    labelNames: ['name'] as const,
    registers,
  });

  return {
    observeRequest: ({ code, method, host, seconds }) => {
      requests.inc({ code, method, host });
      requestTime.observe({ verb: method, host }, seconds);
    },

    controller: (controller, concurrency) => {
      maxConcurrent.set({ controller }, concurrency);
      // Zeros from the start: a rate over a series that begins at 1 misses the first event.
      for (const result of ['success', 'requeue_after', 'error'] as const) reconciles.inc({ controller, result }, 0);
      reconcileErrors.inc({ controller }, 0);
      return {
        reconciled: (result, seconds) => {
          reconciles.inc({ controller, result });
          if (result === 'error') reconcileErrors.inc({ controller });
          reconcileTime.observe({ controller }, seconds);
        },
        activeWorkers: (count) => activeWorkers.set({ controller }, count),
      };
    },

    workQueue: (name) => {
      const labels = { name, controller: name };
      depth.set(labels, 0);
      const since = new Map<string, number>();
      working.set(name, since);
      return {
        added: () => adds.inc(labels),
        depth: (value) => depth.set(labels, value),
        taken: (key, seconds) => {
          since.set(key, clock.monotonic());
          queueTime.observe(labels, seconds);
        },
        done: (key, seconds) => {
          since.delete(key);
          workTime.observe(labels, seconds);
        },
        retried: () => retries.inc(labels),
      };
    },

    leaderElection: (name) => {
      leader.set({ name }, 0);
      return { leading: (isLeader) => leader.set({ name }, isLeader ? 1 : 0) };
    },
  };
};
