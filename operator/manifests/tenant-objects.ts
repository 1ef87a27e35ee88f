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
import {
  buildMigrateConnection,
  buildServiceConnection,
  type DatabaseSources,
  databasePorts,
  hasDatabaseCa,
  type MigratedDatabase,
  migrateConnectionContent,
} from './database-connection.ts';
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
  /** What is known of the database that the rest is made for. */
  readonly migrated: MigratedDatabase;
  /** What the services connect by: it follows the database that migrate has found to be the right one. */
  readonly connection: ISecret;
  readonly workloads: IDeployment[];
  /** After what they scale: an autoscaler without its Deployment complains in events. */
  readonly autoscalers: IHorizontalPodAutoscaler[];
};

const buildConnectionSecret = (blueprint: Blueprint, name: string, data: Record<string, string>) =>
  ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: ownedMetadata(blueprint, name, 'database'),
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
  objects.connection,
  ...objects.workloads,
  ...objects.autoscalers,
];

/** Everything that a tenant owns but for the Secrets that are generated once (`operator/keys`). */
export const buildTenantObjects = (blueprint: Blueprint, sources: DatabaseSources): TenantObjects => {
  const migrateConnection = buildMigrateConnection(blueprint, sources);
  const migrateSettings = buildSettingsConfigMap(blueprint, 'migrate', sources);
  const migrateJob = buildMigrateJob(
    blueprint,
    migrateSettings.metadata.name,
    contentHash(migrateConnectionContent(blueprint, sources)),
  );
  const migrated = sources.migrated(migrateJob.metadata.name);
  const connection = buildServiceConnection(blueprint, sources, migrated);
  const databaseHasCa = hasDatabaseCa(blueprint, sources);
  const workloads = components.map((component) => {
    const settings = buildSettingsConfigMap(blueprint, component, sources);
    return { settings, deployment: buildDeployment(blueprint, component, settings.metadata.name, databaseHasCa) };
  });
  return {
    foundation: [
      buildServiceAccount(blueprint),
      ...buildNetworkPolicies(
        blueprint,
        databasePorts(blueprint, migrateConnection, connection, sources.inUse ?? {}),
        sources,
      ),
      ...buildServices(blueprint),
      buildConnectionSecret(blueprint, objectNames.migrateConnection(blueprint), migrateConnection),
      migrateSettings,
      ...workloads.map(({ settings }) => settings),
      ...buildLiveConfigMaps(blueprint),
      ...buildPodDisruptionBudgets(blueprint),
      ...buildIngresses(blueprint),
      ...buildGatewayApiObjects(blueprint),
      ...buildMonitoringObjects(blueprint),
    ],
    database: isDatabaseManaged(blueprint.spec) ? buildDatabaseStatefulSet(blueprint, sources.internalCa) : undefined,
    migrateJob,
    migrated,
    connection: buildConnectionSecret(blueprint, objectNames.databaseConnection(blueprint), connection),
    workloads: workloads.map(({ deployment }) => deployment),
    autoscalers: buildHorizontalPodAutoscalers(blueprint),
  };
};
