import type { KubernetesObject } from './kubernetes-object.ts';

/** A kind with what its URL needs. `apiVersion` is `v1` or `group/version`. */
export interface ResourceKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Names one object. `namespace` is left out for cluster-scoped kinds. */
export interface ObjectReference {
  readonly resource: ResourceKind;
  readonly namespace?: string | undefined;
  readonly name: string;
}

const core = (kind: string, plural: string): ResourceKind => ({ apiVersion: 'v1', kind, plural, namespaced: true });
const grouped = (apiVersion: string, kind: string, plural: string): ResourceKind => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
});

/** Kinds of Kubernetes itself that an operator usually deals with. A client is told of custom resources by its options. */
export const builtInResources = {
  configMaps: core('ConfigMap', 'configmaps'),
  endpointSlices: grouped('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'),
  events: core('Event', 'events'),
  persistentVolumeClaims: core('PersistentVolumeClaim', 'persistentvolumeclaims'),
  pods: core('Pod', 'pods'),
  secrets: core('Secret', 'secrets'),
  serviceAccounts: core('ServiceAccount', 'serviceaccounts'),
  services: core('Service', 'services'),
  namespaces: { ...core('Namespace', 'namespaces'), namespaced: false },
  nodes: { ...core('Node', 'nodes'), namespaced: false },
  customResourceDefinitions: {
    ...grouped('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions'),
    namespaced: false,
  },
  deployments: grouped('apps/v1', 'Deployment', 'deployments'),
  replicaSets: grouped('apps/v1', 'ReplicaSet', 'replicasets'),
  statefulSets: grouped('apps/v1', 'StatefulSet', 'statefulsets'),
  horizontalPodAutoscalers: grouped('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  jobs: grouped('batch/v1', 'Job', 'jobs'),
  leases: grouped('coordination.k8s.io/v1', 'Lease', 'leases'),
  ingresses: grouped('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  networkPolicies: grouped('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  podDisruptionBudgets: grouped('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  roles: grouped('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  roleBindings: grouped('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
} as const satisfies Record<string, ResourceKind>;

/** Finds the {@link ResourceKind} of an object's apiVersion and kind. */
export type ResourceLookup = (object: Pick<KubernetesObject, 'apiVersion' | 'kind'>) => ResourceKind;

/** A lookup over the built-in kinds and `custom` ones. It throws for a kind that it was not told of: a programming error. */
export const createResourceLookup = (custom: readonly ResourceKind[]): ResourceLookup => {
  const byKind = new Map<string, ResourceKind>(
    [...Object.values(builtInResources), ...custom].map((resource) => [
      `${resource.apiVersion}/${resource.kind}`,
      resource,
    ]),
  );
  return ({ apiVersion, kind }) => {
    const resource = byKind.get(`${apiVersion}/${kind}`);
    if (resource === undefined) throw new Error(`no resource is known for ${apiVersion} ${kind}`);
    return resource;
  };
};

/** The URL path of a collection; without `namespace` that of all namespaces. */
export const collectionPath = (resource: ResourceKind, namespace?: string): string => {
  const root = resource.apiVersion.includes('/') ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
};

/** The URL path of one object. It throws for a namespaced kind without a namespace, which would name a collection. */
export const objectPath = ({ resource, namespace, name }: ObjectReference): string => {
  if (resource.namespaced && namespace === undefined) throw new Error(`${resource.kind} ${name} needs a namespace`);
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
};
