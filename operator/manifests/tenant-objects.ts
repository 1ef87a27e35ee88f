import type { IBackendTLSPolicy, IHTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
import type { IServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import type { IJob } from 'kubernetes-models/batch/v1';
import type { IIngress, INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IConfigMap, ISecret, IService, IServiceAccount } from 'kubernetes-models/v1';
import { type Blueprint, components, isDatabaseManaged } from './blueprint.ts';
import { buildLiveConfigMaps, buildSettingsConfigMap } from './config-map.ts';
import { contentHash } from './content-hash.ts';
import { buildDatabaseConnection, type DatabaseSources, databasePort } from './database-connection.ts';
import { buildDatabaseStatefulSet } from './database-stateful-set.ts';
import { buildDeployment } from './deployment.ts';
import { buildGatewayApiObjects } from './gateway-api.ts';
import { buildHorizontalPodAutoscalers } from './horizontal-pod-autoscaler.ts';
import { buildIngresses } from './ingress.ts';
import { ownedMetadata } from './metadata.ts';
import { buildMigrateJob } from './migrate-job.ts';
import { buildNetworkPolicies } from './network-policy.ts';
import { objectNames } from './object-names.ts';
import { buildPodDisruptionBudgets } from './pod-disruption-budget.ts';
import { buildServices } from './service.ts';
import { buildServiceAccount } from './service-account.ts';
import { buildMonitoringObjects } from './service-monitor.ts';

export type TenantObject =
  | IConfigMap
  | ISecret
  | IService
  | IServiceAccount
  | IStatefulSet
  | IJob
  | IDeployment
  | IHorizontalPodAutoscaler
  | IPodDisruptionBudget
  | INetworkPolicy
  | IIngress
  | IHTTPRoute
  | IBackendTLSPolicy
  | IServiceMonitor;

/** A tenant's objects by the step of an installation in which they come; each step needs the one before. */
export type TenantObjects = {
  readonly foundation: TenantObject[];
  readonly database: IStatefulSet | undefined;
  readonly migrateJob: IJob;
  readonly workloads: IDeployment[];
  /** After what they scale: an autoscaler without its Deployment complains in events. */
  readonly autoscalers: IHorizontalPodAutoscaler[];
};

const buildConnectionSecret = (blueprint: Blueprint, data: Record<string, string>) =>
  ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: ownedMetadata(blueprint, objectNames.databaseConnection(blueprint), 'database'),
    type: 'Opaque',
    data: Object.fromEntries(
      Object.entries(data).map(([entry, value]) => [entry, Buffer.from(value).toString('base64')]),
    ),
  }) satisfies ISecret;

/** All of them, in their order. */
export const listTenantObjects = (objects: TenantObjects): TenantObject[] => [
  ...objects.foundation,
  ...(objects.database === undefined ? [] : [objects.database]),
  objects.migrateJob,
  ...objects.workloads,
  ...objects.autoscalers,
];

/** Everything that a tenant owns but for the Secrets that are generated once (`operator/keys`). */
export const buildTenantObjects = (blueprint: Blueprint, sources: DatabaseSources): TenantObjects => {
  const connection = buildDatabaseConnection(blueprint, sources);
  const databaseHasCa = connection['ca.crt'] !== undefined;
  const migrateSettings = buildSettingsConfigMap(blueprint, 'migrate', databaseHasCa);
  const workloads = components.map((component) => {
    const settings = buildSettingsConfigMap(blueprint, component, databaseHasCa);
    return { settings, deployment: buildDeployment(blueprint, component, settings.metadata.name, databaseHasCa) };
  });
  return {
    foundation: [
      buildServiceAccount(blueprint),
      ...buildNetworkPolicies(blueprint, databasePort(connection)),
      ...buildServices(blueprint),
      buildConnectionSecret(blueprint, connection),
      migrateSettings,
      ...workloads.map(({ settings }) => settings),
      ...buildLiveConfigMaps(blueprint),
      ...buildPodDisruptionBudgets(blueprint),
      ...buildIngresses(blueprint),
      ...buildGatewayApiObjects(blueprint),
      ...buildMonitoringObjects(blueprint),
    ],
    database: isDatabaseManaged(blueprint.spec) ? buildDatabaseStatefulSet(blueprint) : undefined,
    migrateJob: buildMigrateJob(blueprint, migrateSettings.metadata.name, databaseHasCa, contentHash(connection)),
    workloads: workloads.map(({ deployment }) => deployment),
    autoscalers: buildHorizontalPodAutoscalers(blueprint),
  };
};
