import { z } from 'zod';
import { labels, managedByValue } from '../../api/group.ts';
import { bindingName, type IdentityClient, identityClientSchema } from '../../api/identity-client.ts';
import { identityTenantSchema } from '../../api/identity-tenant.ts';
import type { OptionalKind } from '../../manifests/blueprint.ts';
import { InformerCache, type InformerCacheOptions } from '../../runtime/informer-cache.ts';
import { type LiveObject, objectKey } from '../../runtime/kubernetes-object.ts';
import { type OptionalRun, permittedKind, servedKind } from '../../runtime/optional-kind.ts';
import { builtInResources, type ResourceKind } from '../../runtime/resource-kind.ts';
import { type FilledCache, type Selection, type WatchedKind, watchedKind } from '../../runtime/watched-kind.ts';
import { customResources, isTenantOwner } from '../custom-resources.ts';
import { listReferences, type ReferenceKind } from '../references/spec-references.ts';
import {
  type ObjectVersion,
  projectAutoscaler,
  projectNode,
  projectObject,
  projectPod,
  projectReplicaSet,
  projectSecret,
  projectVersion,
} from './object-projections.ts';
import { optionalResources } from './optional-resources.ts';

/** `namespace/name` of the tenant that an object's labels name; undefined for what is not ours. */
export const tenantKeyOf = ({ metadata }: Pick<LiveObject, 'metadata'>): string | undefined => {
  const name = metadata.labels?.[labels.instance];
  return metadata.labels?.[labels.managedBy] === managedByValue && name !== undefined
    ? objectKey(metadata.namespace, name)
    : undefined;
};

/** The tenants that an object belongs to, by its labels or by its owner: two where somebody damaged one of these. */
export const tenantKeysOf = (object: Pick<LiveObject, 'metadata'>): readonly string[] => {
  const { namespace, ownerReferences = [] } = object.metadata;
  const byLabel = tenantKeyOf(object);
  const byOwner = ownerReferences.filter(isTenantOwner).map(({ name }) => objectKey(namespace, name));
  return [...new Set([...(byLabel === undefined ? [] : [byLabel]), ...byOwner])];
};

const tenantIndex = { tenant: tenantKeysOf };

/** The issuer that a tenant claims; the API server has validated its spec. */
export const issuerOf = (tenant: LiveObject & { readonly spec?: { readonly issuer?: string } }): string =>
  tenant.spec?.issuer ?? '';

/** Under what a tenant is found that names an object of this kind and key (`namespace/name`). */
export const referenceTerm = (kind: VersionedKind, key: string): string => `${kind}/${key}`;

// The spec alone is parsed: what somebody else wrote into the status must not make a reference go unheard.
const namingSchema = identityTenantSchema.pick({ spec: true });

const clientOf = (object: LiveObject): IdentityClient | undefined => identityClientSchema.safeParse(object).data;

const reasonsSchema = z.object({
  status: z.object({ conditions: z.array(z.object({ type: z.string(), reason: z.string() })) }),
});
const reasonsOf = (tenant: LiveObject) => reasonsSchema.safeParse(tenant).data?.status.conditions ?? [];

/** Why a tenant is Stalled; undefined when it is not. */
export const stalledReasonOf = (tenant: LiveObject): string | undefined =>
  reasonsOf(tenant).find(({ type }) => type === 'Stalled')?.reason;

const tenantIndexes = {
  issuer: (object: LiveObject): readonly string[] => [issuerOf(object)],
  /** {@link referenceTerm} of what the spec names. */
  reference: (object: LiveObject): readonly string[] => {
    const tenant = namingSchema.safeParse(object).data;
    if (tenant === undefined) return [];
    const { namespace } = object.metadata;
    return listReferences(tenant).map(({ kind, name }) => referenceTerm(kind, objectKey(namespace, name)));
  },
  /** The namespace of a tenant that waits for a stranger's object to go. */
  denied: (object: LiveObject): readonly string[] =>
    reasonsOf(object).some(({ reason }) => reason === 'NameTaken') ? [object.metadata.namespace ?? ''] : [],
};

const clientIndexes = {
  /** Key of the tenant that a client is of. */
  tenant: (object: LiveObject): readonly string[] => {
    const client = clientOf(object);
    return client === undefined ? [] : [objectKey(object.metadata.namespace, client.spec.tenantRef.name)];
  },
  /** Key of the Secret that a client gets, be it there, theirs or a stranger's. */
  binding: (object: LiveObject): readonly string[] => {
    const client = clientOf(object);
    return client === undefined ? [] : [objectKey(object.metadata.namespace, bindingName(client))];
  },
};

/** Kinds whose objects a tenant owns and that are kept whole; Secrets and pods have projections of their own. */
export const ownedKinds = [
  builtInResources.configMaps,
  builtInResources.services,
  builtInResources.serviceAccounts,
  builtInResources.statefulSets,
  builtInResources.deployments,
  builtInResources.jobs,
  builtInResources.horizontalPodAutoscalers,
  builtInResources.podDisruptionBudgets,
  builtInResources.networkPolicies,
  builtInResources.ingresses,
  builtInResources.persistentVolumeClaims,
] as const;

/** Selects what is ours, so that the rest of the cluster costs nothing. */
const ours = { labelSelector: `${labels.managedBy}=${managedByValue}` } as const;
/** Selects everything else, of which nothing but the version comes into this process. */
const strangers = { labelSelector: `${labels.managedBy}!=${managedByValue}`, representation: 'metadata' } as const;

/** What there is of these kinds is known by version, whoever it belongs to: what a spec may name, and claims. */
const versionedKinds = [
  { kind: 'Secret', resource: builtInResources.secrets, selection: strangers },
  { kind: 'ConfigMap', resource: builtInResources.configMaps, selection: strangers },
  { kind: 'Service', resource: builtInResources.services, selection: strangers },
  // Ours too: the claim of a tenant's data must not be out of sight for a moment when somebody takes its labels away.
  {
    kind: 'PersistentVolumeClaim',
    resource: builtInResources.persistentVolumeClaims,
    selection: { representation: 'metadata' },
  },
] as const satisfies readonly {
  kind: ReferenceKind | 'PersistentVolumeClaim';
  resource: ResourceKind;
  selection: Selection;
}[];
export type VersionedKind = (typeof versionedKinds)[number]['kind'];

/** Kinds that may not be served, in the order of their declaration. */
const optionalKinds = Object.values(optionalResources);

/**
 * The caches that the reconcilers read, and what has to be watched to fill them.
 * @param namespaces those whose tenants are looked after; all of the cluster when left out.
 */
export const createTenantCaches = (namespaces?: readonly string[]) => {
  const scope = namespaces === undefined ? {} : { namespaces };
  const cacheOf = <T, Source extends LiveObject, Index extends string = never>(
    options: Omit<InformerCacheOptions<Source, T, Index>, 'namespaces'>,
  ) => new InformerCache<T, Source, Index>({ ...options, ...scope });
  const watch = <Source extends LiveObject>(
    resource: ResourceKind,
    cache: FilledCache<Source>,
    selection: Selection = {},
  ) => watchedKind(resource, cache, { ...scope, ...selection });
  const wholeObjects = (project = projectObject) => cacheOf({ project, indexes: tenantIndex });

  const tenants = cacheOf({ project: projectObject, indexes: tenantIndexes });
  const clients = cacheOf({ project: projectObject, indexes: clientIndexes });
  const builtIn = ownedKinds.map((resource) => ({
    resource,
    cache: wholeObjects(resource.kind === 'HorizontalPodAutoscaler' ? projectAutoscaler : projectObject),
  }));
  const optional = optionalKinds.map((resource) => {
    const cache = wholeObjects();
    return { resource, cache, watched: servedKind(resource, cache, { ...scope, ...ours }) };
  });
  const secrets = cacheOf({ project: projectSecret, indexes: tenantIndex });
  const pods = cacheOf({ project: projectPod, indexes: tenantIndex });
  const replicaSets = cacheOf({ project: projectReplicaSet, indexes: tenantIndex });
  const nodes = new InformerCache({ project: projectNode });
  const watchedNodes = permittedKind(builtInResources.nodes, nodes);
  const versions = versionedKinds.map((one) => ({ ...one, cache: cacheOf({ project: projectVersion }) }));
  return {
    tenants,
    clients,
    /** What tenants own, kind by kind; of a kind that is not served there is nothing. */
    owned: [...builtIn, ...optional.map(({ resource, cache }) => ({ resource, cache }))],
    secrets,
    pods,
    replicaSets,
    nodes,
    mayReadNodes: watchedNodes.isAvailable,
    /** Versions of what belongs to others. */
    versions,
    /** The optional kinds that are served now. */
    served: (): ReadonlySet<OptionalKind> =>
      new Set(optional.filter(({ watched }) => watched.isAvailable()).map(({ resource }) => resource.kind)),
    /** Calls `listener` when an optional kind comes or goes, and when nodes become readable. */
    onAvailability: (listener: () => void): void => {
      for (const kind of [...optional.map(({ watched }) => watched), watchedNodes]) kind.onAvailability(listener);
    },
    watched: [
      watch(customResources.identityTenants, tenants),
      watch(customResources.identityClients, clients),
      ...builtIn.map(({ resource, cache }) => watch(resource, cache, ours)),
      watch(builtInResources.secrets, secrets, ours),
      watch(builtInResources.pods, pods, ours),
      watch(builtInResources.replicaSets, replicaSets, ours),
      watchedNodes,
      ...versions.map(({ resource, cache, selection }) => watch(resource, cache, selection)),
      ...optional.map(({ watched }) => watched),
    ] satisfies WatchedKind<OptionalRun>[],
  };
};
export type TenantCaches = ReturnType<typeof createTenantCaches>;

/** Which version there is of an object, whoever it belongs to; undefined when there is none of this name. */
export const findVersion = (
  { versions, owned, secrets }: Pick<TenantCaches, 'versions' | 'owned' | 'secrets'>,
  kind: VersionedKind,
  namespace: string,
  name: string,
): ObjectVersion | undefined => {
  const theirs = versions.find((one) => one.kind === kind)?.cache.get(namespace, name);
  if (theirs !== undefined) return theirs;
  const own = kind === 'Secret' ? secrets : owned.find(({ resource }) => resource.kind === kind)?.cache;
  return own?.get(namespace, name)?.metadata;
};
