import type { IServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import type { IService } from 'kubernetes-models/v1';
import { labels } from '../api/group.ts';
import type { Blueprint } from './blueprint.ts';
import { objectLabels, ownedMetadata, selectorLabels } from './metadata.ts';
import { objectNames } from './object-names.ts';
import { ports } from './ports.ts';

const component = 'metrics';

/** The pods' metrics as a Service, which is what a ServiceMonitor selects; pods that are not ready are watched too. */
const buildMetricsService = (blueprint: Blueprint) => {
  const { [labels.component]: _component, ...selector } = selectorLabels(blueprint, component);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(blueprint, objectNames.metricsService(blueprint), component),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector,
      ports: [{ name: 'probes', port: ports.probes, targetPort: 'probes', protocol: 'TCP' }],
    },
  } satisfies IService;
};

/** Tells Prometheus where the metrics of a tenant are; only where the Prometheus operator's kind is served. */
export const buildMonitoringObjects = (blueprint: Blueprint): (IService | IServiceMonitor)[] =>
  blueprint.served.has('ServiceMonitor')
    ? [
        buildMetricsService(blueprint),
        {
          apiVersion: 'monitoring.coreos.com/v1',
          kind: 'ServiceMonitor',
          metadata: ownedMetadata(blueprint, objectNames.metricsService(blueprint), component),
          spec: {
            selector: { matchLabels: objectLabels(blueprint, component) },
            // Which tenant and service a series is of.
            podTargetLabels: [labels.instance, labels.component],
            endpoints: [{ port: 'probes', path: '/metrics' }],
          },
        } satisfies IServiceMonitor,
      ]
    : [];
