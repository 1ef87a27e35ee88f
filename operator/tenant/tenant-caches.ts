import type { IReplicaSet } from 'kubernetes-models/apps/v1';
import type { IPod, ISecret } from 'kubernetes-models/v1';
import { labels, managedByValue } from '../api/group.ts';
import { InformerCache } from '../runtime/informer-cache.ts';
import { type LiveObject, objectKey } from '../runtime/kubernetes-object.ts';
import { type ReflectorOptions, runReflector } from '../runtime/reflector.ts';
import { builtInResources, type ResourceKind } from '../runtime/resource-kind.ts';
import { customResources } from './custom-resources.ts';
import type { ObservedPod, ObservedSecret } from './observed.ts';

/** `namespace/name` of the tenant that an object's labels name; undefined for what is not ours. */
export const tenantKeyOf = ({ metadata }: Pick<LiveObject, 'metadata'>): string | undefined => {
  const name = metadata.labels?.[labels.instance];
  return metadata.labels?.[labels.managedBy] === managedByValue && name !== undefined
    ? objectKey(metadata.namespace, name)
    : undefined;
};

const tenantIndex = {
  tenant: (object: LiveObject): readonly string[] => {
    const key = tenantKeyOf(object);
    return key === undefined ? [] : [key];
  },
};

/** The issuer that a tenant claims; the API server has validated its spec. */
export const issuerOf = (tenant: LiveObject & { readonly spec?: { readonly issuer?: string } }): string =>
  tenant.spec?.issuer ?? '';

/** Nobody reads `managedFields`, and they are half of an object. */
// The parse boundary of this field: LiveObject does not know it.
const withoutManagedFields = (object: LiveObject): LiveObject => {
  const { managedFields: _dropped, ...metadata } = object.metadata as LiveObject['metadata'] & {
    managedFields?: unknown;
  };
  return { ...object, metadata };
};

const projectSecret = (secret: LiveObject & ISecret): ObservedSecret => {
  const { apiVersion, kind, metadata } = withoutManagedFields(secret);
  const ours = tenantKeyOf(secret) !== undefined;
  return { apiVersion, kind, metadata, type: secret.type ?? 'Opaque', entries: ours ? decodeEntries(secret) : {} };
};

/** Entries of a Secret as text. */
export const decodeEntries = ({ data }: Pick<ISecret, 'data'>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(data ?? {}).map(([entry, value]) => [entry, Buffer.from(value, 'base64').toString()]),
  );

/** The inverse of {@link decodeEntries}. */
export const encodeEntries = (entries: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(entries).map(([entry, value]) => [entry, Buffer.from(value).toString('base64')]));

type ProjectedPod = ObservedPod & Pick<LiveObject, 'metadata'>;

const projectPod = ({ metadata, spec, status }: LiveObject & IPod): ProjectedPod => {
  const container = status?.containerStatuses?.[0];
  const terminationMessage = (container?.state?.terminated ?? container?.lastState?.terminated)?.message;
  const waitingReason = container?.state?.waiting?.reason;
  const condition = (type: string) => status?.conditions?.find((one) => one.type === type);
  const scheduled = condition('PodScheduled');
  return {
    metadata,
    name: metadata.name,
    component: metadata.labels?.[labels.component] ?? '',
    ready: condition('Ready')?.status === 'True',
    terminating: metadata.deletionTimestamp !== undefined,
    ...(status?.podIP === undefined ? {} : { address: status.podIP }),
    ...(spec?.nodeName === undefined ? {} : { nodeName: spec.nodeName }),
    ...(terminationMessage === undefined ? {} : { terminationMessage }),
    ...(waitingReason === undefined || waitingReason === 'ContainerCreating' ? {} : { waitingReason }),
    ...(scheduled?.status === 'False' && scheduled.message !== undefined ? { unschedulable: scheduled.message } : {}),
  };
};

type ProjectedReplicaSet = Pick<LiveObject, 'metadata'> & { readonly configMaps: readonly string[] };

const projectReplicaSet = ({ metadata, spec }: LiveObject & IReplicaSet): ProjectedReplicaSet => ({
  metadata,
  configMaps: (spec?.template?.spec?.volumes ?? []).flatMap(({ configMap }) =>
    configMap?.name === undefined ? [] : [configMap.name],
  ),
});

/** Kinds whose objects a tenant owns and that are kept whole; Secrets and pods have projections of their own. */
export const ownedKinds = [
  builtInResources.configMaps,
  builtInResources.services,
  builtInResources.serviceAccounts,
  builtInResources.statefulSets,
  builtInResources.deployments,
  builtInResources.jobs,
  builtInResources.podDisruptionBudgets,
  builtInResources.networkPolicies,
  builtInResources.persistentVolumeClaims,
] as const;

/** Selects what is ours, so that the rest of the cluster costs nothing. */
const ourLabel = `${labels.managedBy}=${managedByValue}`;

/** What every reflector is given. */
type ReflectorRun = Omit<ReflectorOptions, 'resource' | 'labelSelector' | 'store'>;

/** A kind that is watched. */
export type WatchedKind = {
  readonly resource: ResourceKind;
  /** Runs until the signal aborts. */
  run(options: ReflectorRun): Promise<void>;
  waitForSync(signal: AbortSignal): Promise<boolean>;
};

const watched = <T, Source extends LiveObject>(
  resource: ResourceKind,
  cache: InformerCache<T, Source, 'tenant'>,
  labelSelector?: string,
): WatchedKind => ({
  resource,
  run: (options) =>
    runReflector<Source>({
      ...options,
      resource,
      store: cache,
      ...(labelSelector === undefined ? {} : { labelSelector }),
    }),
  waitForSync: (signal) => cache.waitForSync(signal),
});

const wholeObjects = () =>
  new InformerCache<LiveObject, LiveObject, 'tenant'>({ project: withoutManagedFields, indexes: tenantIndex });

/**
 * Takes the answer to a write of our own into a cache, so that the next pass sees it before its watch event comes, and
 * does not tell the same transition again. What the cache no longer has is gone, and must not come back.
 */
export const rememberWritten = (cache: InformerCache<LiveObject, LiveObject, 'tenant'>, written: LiveObject): void => {
  const { namespace, name, uid } = written.metadata;
  if (cache.get(namespace, name)?.metadata.uid === uid) cache.upsert(written);
};

/** The caches that the reconcilers read, and what has to be watched to fill them. */
export const createTenantCaches = () => {
  const tenants = new InformerCache<LiveObject, LiveObject, 'tenant' | 'issuer'>({
    project: withoutManagedFields,
    indexes: { ...tenantIndex, issuer: (tenant) => [issuerOf(tenant)] },
  });
  const clients = wholeObjects();
  const owned = ownedKinds.map((resource) => ({ resource, cache: wholeObjects() }));
  const secrets = new InformerCache<ObservedSecret, LiveObject & ISecret, 'tenant'>({
    project: projectSecret,
    indexes: tenantIndex,
  });
  const pods = new InformerCache<ProjectedPod, LiveObject & IPod, 'tenant'>({
    project: projectPod,
    indexes: tenantIndex,
  });
  const replicaSets = new InformerCache<ProjectedReplicaSet, LiveObject & IReplicaSet, 'tenant'>({
    project: projectReplicaSet,
    indexes: tenantIndex,
  });
  const nodes = wholeObjects();
  return {
    tenants,
    clients,
    owned,
    secrets,
    pods,
    replicaSets,
    nodes,
    watched: [
      watched(customResources.identityTenants, tenants),
      watched(customResources.identityClients, clients),
      ...owned.map(({ resource, cache }) => watched(resource, cache, ourLabel)),
      // All Secrets, since references are to the user's own; of those only the metadata is kept.
      watched(builtInResources.secrets, secrets),
      watched(builtInResources.pods, pods, ourLabel),
      watched(builtInResources.replicaSets, replicaSets, ourLabel),
      watched(builtInResources.nodes, nodes),
    ],
  };
};
export type TenantCaches = ReturnType<typeof createTenantCaches>;
