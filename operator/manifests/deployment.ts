import type { IDeployment } from 'kubernetes-models/apps/v1';
import type {
  IContainerPort,
  IPodSpec,
  IProbe,
  IResourceRequirements,
  ITopologySpreadConstraint,
} from 'kubernetes-models/v1';
import { parseDurationSeconds } from '../api/duration.ts';
import { annotations, labels } from '../api/group.ts';
import { type Blueprint, type Component, workloadSpecOf } from './blueprint.ts';
import { objectLabels, ownedMetadata, selectorLabels } from './metadata.ts';
import { buildVolume, buildVolumeMount, componentMounts, mountPaths } from './mounts.ts';
import { objectNames } from './object-names.ts';
import { podDnsConfig } from './pod-dns.ts';
import { buildPodSecurityContext, containerSecurityContext } from './pod-security.ts';
import { ports } from './ports.ts';
import { buildResources } from './resources.ts';
import { buildImagePullSecrets, buildScheduling } from './scheduling.ts';

/** uid of the image's user. */
const serviceUid = 65_532;

/** Requests always, a memory limit, no CPU limit: throttling a login saves nothing. */
const defaultResources: Readonly<Record<Component, IResourceRequirements>> = {
  gateway: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '384Mi' } },
  auth: { requests: { cpu: '100m', memory: '192Mi' }, limits: { memory: '512Mi' } },
  'token-store': { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '384Mi' } },
};

const containerPorts = (blueprint: Blueprint, component: Component): IContainerPort[] => {
  const probes: IContainerPort = { name: 'probes', containerPort: ports.probes, protocol: 'TCP' };
  if (component !== 'gateway') return [{ name: 'mtls', containerPort: ports.mutualTls, protocol: 'TCP' }, probes];
  const publicPort = blueprint.spec.gateway.tls === undefined ? ports.publicHttp : ports.publicHttps;
  return [
    { name: 'public', containerPort: publicPort, protocol: 'TCP' },
    ...(blueprint.spec.gateway.clientCertificates === undefined
      ? []
      : [{ name: 'certificates', containerPort: ports.certificates, protocol: 'TCP' as const }]),
    { name: 'internal', containerPort: ports.gatewayInternal, protocol: 'TCP' },
    probes,
  ];
};

const buildProbe = (path: string, periodSeconds: number, failureThreshold: number): IProbe => ({
  httpGet: { path, port: 'probes', scheme: 'HTTP' },
  periodSeconds,
  failureThreshold,
  timeoutSeconds: 2,
  successThreshold: 1,
});

const spreadConstraints = (blueprint: Blueprint, component: Component): ITopologySpreadConstraint[] => {
  const { zoneSpread, topologyKey } = blueprint.spec.availability;
  const labelSelector = { matchLabels: selectorLabels(blueprint, component) };
  const zones: ITopologySpreadConstraint = {
    topologyKey,
    maxSkew: 1,
    whenUnsatisfiable: zoneSpread === 'Required' ? 'DoNotSchedule' : 'ScheduleAnyway',
    // A tainted (drained, lost) zone must not hold back the others.
    nodeTaintsPolicy: 'Honor',
    // Without it a rollout counts the old pods too and ends unbalanced.
    matchLabelKeys: ['pod-template-hash'],
    labelSelector,
  };
  const hosts: ITopologySpreadConstraint = {
    topologyKey: 'kubernetes.io/hostname',
    maxSkew: 1,
    whenUnsatisfiable: 'ScheduleAnyway',
    matchLabelKeys: ['pod-template-hash'],
    labelSelector,
  };
  // Two constraints of one key may not stand beside each other.
  if (topologyKey === hosts.topologyKey) return [zones];
  return blueprint.zonesLabelled ? [zones, hosts] : [hosts];
};

/** Time from SIGTERM to SIGKILL: the drain, what is in flight (25 s), and a margin. */
const gracePeriodSeconds = (blueprint: Blueprint, component: Component): number =>
  component === 'gateway' ? parseDurationSeconds(blueprint.spec.gateway.drainTimeout) + 35 : 45;

const buildPodSpec = (
  blueprint: Blueprint,
  component: Component,
  settingsName: string,
  databaseHasCa: boolean,
): IPodSpec => {
  const mounts = componentMounts(blueprint, component, databaseHasCa);
  const settings = { name: 'settings', mountPath: mountPaths.settings };
  const live = { name: 'live', mountPath: mountPaths.live };
  return {
    serviceAccountName: objectNames.serviceAccount(blueprint),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    dnsConfig: podDnsConfig,
    securityContext: buildPodSecurityContext(serviceUid),
    terminationGracePeriodSeconds: gracePeriodSeconds(blueprint, component),
    topologySpreadConstraints: spreadConstraints(blueprint, component),
    ...buildScheduling(blueprint, component),
    ...buildImagePullSecrets(blueprint),
    containers: [
      {
        name: component,
        image: blueprint.image,
        imagePullPolicy: 'IfNotPresent',
        command: ['node', `/app/${component}.mjs`, `${mountPaths.settings}/settings.json`],
        ports: containerPorts(blueprint, component),
        resources: buildResources(workloadSpecOf(blueprint, component).resources, defaultResources[component]),
        securityContext: containerSecurityContext,
        startupProbe: buildProbe('/livez', 1, 60),
        readinessProbe: buildProbe('/readyz', 2, 2),
        livenessProbe: buildProbe('/livez', 10, 3),
        volumeMounts: [settings, live, ...mounts].map(buildVolumeMount),
      },
    ],
    volumes: [
      { name: settings.name, configMap: { name: settingsName } },
      { name: live.name, configMap: { name: objectNames.liveSettings(blueprint, component) } },
      ...mounts.map(buildVolume),
    ],
  };
};

const podAnnotations = (blueprint: Blueprint, component: Component) => {
  const { restart } = blueprint;
  const all = {
    ...workloadSpecOf(blueprint, component).podAnnotations,
    ...(restart === undefined ? {} : { [annotations.restart]: restart }),
  };
  return Object.keys(all).length === 0 ? {} : { annotations: all };
};

/**
 * A service's Deployment. `replicas` is not in it: an HPA shares that field, so a field manager of its own applies it,
 * and leaving it out of a later apply by the manager that once set it would reset it to 1.
 * @param settingsName the immutable ConfigMap of this content; its name in the template is what makes a change roll.
 */
export const buildDeployment = (
  blueprint: Blueprint,
  component: Component,
  settingsName: string,
  databaseHasCa: boolean,
) =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: ownedMetadata(blueprint, objectNames.workload(blueprint, component), component),
    spec: {
      revisionHistoryLimit: 3,
      minReadySeconds: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      selector: { matchLabels: selectorLabels(blueprint, component) },
      template: {
        metadata: {
          labels: { ...objectLabels(blueprint, component), [labels.version]: blueprint.version },
          ...podAnnotations(blueprint, component),
        },
        spec: buildPodSpec(blueprint, component, settingsName, databaseHasCa),
      },
    },
  }) satisfies IDeployment;
