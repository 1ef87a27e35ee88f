import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type OperatorOptions, runOperator } from '../operator.ts';

/** An operator in this process, as `main.ts` would run it. */
export type RunningOperator = {
  readonly isSynced: () => boolean;
  readonly isLeading: () => boolean;
  /** How many reconciles of a controller have ended, well or not. */
  readonly reconciles: (controller: 'tenant' | 'client') => Promise<number>;
  /** Whether no key waits or is being worked on; one that comes back later does not count. */
  readonly isIdle: () => Promise<boolean>;
  /** Requests that it sent so far to change something; those that keep its Lease apart. */
  readonly writes: () => Promise<number>;
  /** Requests that it sent so far to read something, lists and watches included. */
  readonly reads: () => Promise<number>;
  /** Everything that it has logged, as text. */
  readonly log: () => string;
  /** When it ends by itself, `lost` says that the lease was not renewed in time. */
  readonly ended: Promise<'stopped' | 'lost'>;
  /** Orderly stop, as by SIGTERM. */
  readonly stop: () => Promise<'stopped' | 'lost'>;
};

const sum = async (
  metrics: Registry,
  name: string,
  counts: (labels: Partial<Record<string, string | number>>) => boolean,
): Promise<number> => {
  const values = (await metrics.getSingleMetric(name)?.get())?.values ?? [];
  return values.filter(({ labels }) => counts(labels)).reduce((total, { value }) => total + value, 0);
};

const testRelease = { version: '0.1.0', image: 'identity-operator:0.1.0', databaseImage: 'postgres:18' };

export const startOperator = (
  { kubeconfig }: { readonly kubeconfig: string },
  namespace: string,
  identity: string,
  {
    release = testRelease,
    maxRollingTenants = 5,
    namespaces,
    askPeriods,
  }: Partial<Pick<OperatorOptions, 'release' | 'maxRollingTenants' | 'namespaces' | 'askPeriods'>> = {},
): RunningOperator => {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(kubeconfig);
  const metrics = new Registry();
  const stop = new AbortController();
  const lines: string[] = [];
  let state = { synced: false, leading: false };
  const ended = runOperator({
    kubeConfig,
    // As main.ts would: the operator knows its own namespace.
    release: { neighbours: { operatorNamespace: namespace, monitoringNamespaceLabels: {} }, ...release },
    maxRollingTenants,
    namespaces,
    ...(askPeriods === undefined ? {} : { askPeriods }),
    namespace,
    identity,
    stop: stop.signal,
    log: pino({ level: 'debug', base: { identity } }, { write: (line: string) => lines.push(line) }),
    metrics,
    onState: (next) => {
      state = next;
    },
  });
  // Whoever stops it learns of a failure; until then it must not end the process.
  ended.catch(() => undefined);
  return {
    isSynced: () => state.synced,
    isLeading: () => state.leading,
    reconciles: (controller) =>
      sum(metrics, 'controller_runtime_reconcile_total', (labels) => labels['controller'] === controller),
    isIdle: async () =>
      (await sum(metrics, 'workqueue_depth', () => true)) +
        (await sum(metrics, 'controller_runtime_active_workers', () => true)) ===
      0,
    // The Lease alone is written by PUT.
    writes: () => sum(metrics, 'rest_client_requests_total', ({ method }) => method !== 'GET' && method !== 'PUT'),
    reads: () => sum(metrics, 'rest_client_requests_total', ({ method }) => method === 'GET'),
    log: () => lines.join(''),
    ended,
    stop: () => {
      stop.abort();
      return ended;
    },
  };
};
