import type { ServiceAccountTokens } from '../../services/auth/settings.ts';
import type { TenantSpec } from '../api/identity-tenant.ts';
import type { ServiceRelease } from './service-releases.ts';

/** Everything that the objects of one tenant are made from. */
export type Blueprint = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly spec: TenantSpec;
  /** Version of the services, and the image that holds all of them. */
  readonly version: string;
  readonly image: string;
  /** Settings that this version of the services does not know yet. */
  readonly unknownSettings: ServiceRelease['unknownSettings'];
  /** Image of the managed database. */
  readonly databaseImage: string;
  /** Value of the annotation by which somebody asked last for a restart of the services. */
  readonly restart?: string;
  /** False where no node carries the topology key: a zone constraint would leave every pod Pending. */
  readonly zonesLabelled: boolean;
  /** Kinds of other projects that this cluster serves. */
  readonly served: ReadonlySet<OptionalKind>;
  readonly neighbours: Neighbours;
  /** What tokens of the cluster's service accounts are known by. */
  readonly serviceAccountTokens?: ServiceAccountTokens;
};

/** Who outside of a tenant may connect to its pods' own ports. */
export type Neighbours = {
  /** Namespace of the operator; left out: its pods in any namespace. */
  readonly operatorNamespace?: string;
  /** Labels of the namespaces that may read metrics; none: any namespace. */
  readonly monitoringNamespaceLabels: Readonly<Record<string, string>>;
};

/** Kinds of other projects, of which objects are made where the cluster serves them. */
export type OptionalKind = 'ServiceMonitor' | 'HTTPRoute' | 'BackendTLSPolicy';

export type Component = 'gateway' | 'auth' | 'token-store';
export const components: readonly Component[] = ['token-store', 'auth', 'gateway'];

/** The tenant's settings of one component. */
export const workloadSpecOf = ({ spec }: Blueprint, component: Component) =>
  ({ gateway: spec.gateway, auth: spec.auth, 'token-store': spec.tokenStore })[component];

/** Whether the operator runs the database itself: also when the tenant names none. */
export const isDatabaseManaged = ({ database }: TenantSpec): boolean =>
  database?.connection === undefined && database?.cloudNativePG === undefined;

/** How a component is autoscaled; undefined when the tenant says how many pods there are, or wants one of each. */
export const autoscalingOf = (blueprint: Blueprint, component: Component) =>
  blueprint.spec.availability.mode === 'Single' ? undefined : workloadSpecOf(blueprint, component).autoscaling;

/**
 * Pods of a component that there must be: three, one for each zone, unless the tenant says otherwise; of an autoscaled one
 * the fewest.
 */
export const requiredReplicas = (blueprint: Blueprint, component: Component): number => {
  if (blueprint.spec.availability.mode === 'Single') return 1;
  const { autoscaling, replicas } = workloadSpecOf(blueprint, component);
  return autoscaling?.minReplicas ?? replicas ?? 3;
};
