import { KubeConfig } from '@kubernetes/client-node';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { type Config, parseConfig } from './config.ts';
import { createOperatorLogger } from './logging.ts';
import { previousReleases } from './manifests/service-releases.ts';
import { runOperator } from './operator.ts';
import { createProbeServer } from './probe-server.ts';
import { keepHeapSmall } from './small-heap.ts';

/** What is wrong with the environment is one fatal line, beside everything else that `kubectl logs` shows. */
const readConfig = (): Config => {
  try {
    return parseConfig(process.env);
  } catch (error) {
    createOperatorLogger('info').fatal({ err: error }, 'cannot start');
    process.exit(1);
  }
};

keepHeapSmall();
const config = readConfig();
const log = createOperatorLogger(config.LOG_LEVEL);
const metrics = new Registry();
collectDefaultMetrics({ register: metrics });

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    log.info({ signal }, 'stopping');
    stop.abort();
  });
}

const kubeConfig = new KubeConfig();
kubeConfig.loadFromDefault();

let synced = false;
const probes = createProbeServer(metrics, () => synced);
probes.listen(config.PROBE_PORT);

const result = await runOperator({
  kubeConfig,
  release: {
    version: config.SERVICES_VERSION,
    image: config.SERVICES_IMAGE,
    databaseImage: config.DATABASE_IMAGE,
    previous: previousReleases,
    limits: {
      registries: config.ALLOWED_REGISTRIES,
      priorityClasses: config.ALLOWED_PRIORITY_CLASSES,
      issuers: config.ALLOWED_ISSUERS,
    },
    neighbours: {
      operatorNamespace: config.POD_NAMESPACE,
      monitoringNamespaceLabels: config.MONITORING_NAMESPACE_LABELS,
    },
  },
  maxRollingTenants: config.MAX_ROLLING_TENANTS,
  namespaces: config.WATCH_NAMESPACES,
  namespace: config.POD_NAMESPACE,
  identity: `${config.POD_NAME}_${crypto.randomUUID()}`,
  stop: stop.signal,
  log,
  metrics,
  onState: (state) => {
    synced = state.synced;
    log.info(state, 'state');
  },
});
log.info({ result }, 'ended');
// A lost lease ends the process, whatever it still holds open: the kubelet starts it anew as a standby.
process.exit(result === 'lost' ? 1 : 0);
