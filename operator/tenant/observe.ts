import type { ISecret } from 'kubernetes-models/v1';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import { isDatabaseManaged } from '../manifests/blueprint.ts';
import { objectNames } from '../manifests/object-names.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { type LiveObject, objectKey } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { type ProjectedNode, type ProjectedPod, projectSecret } from './caches/object-projections.ts';
import { findVersion, type TenantCaches } from './caches/tenant-caches.ts';
import { isTenantOwner } from './custom-resources.ts';
import type { InternalStates } from './health/internal-states.ts';
import type { Observed, ObservedNode, ObservedPod, ObservedReference, ObservedSecret } from './observed.ts';
import { findIssuerHolder } from './references/issuer-holder.ts';
import type { ReferencedContent } from './references/referenced-content.ts';
import { listReferences, type SpecReference } from './references/spec-references.ts';
import { irreplaceableSecrets } from './secrets/secret-plan.ts';
import type { ServiceAccountTokensWatch } from './service-account-tokens.ts';

/** Where an observation comes from. */
export type TenantSources = {
  readonly caches: TenantCaches;
  readonly content: ReferencedContent;
  /** For what must be there and is in no cache, since somebody took away the labels by which it is watched. */
  readonly client: Pick<KubernetesClient, 'get'>;
  readonly states: Pick<InternalStates, 'healthOf'>;
  readonly serviceAccountTokens: Pick<ServiceAccountTokensWatch, 'current'>;
};

const observeReference = async (
  { caches, content }: TenantSources,
  namespace: string,
  reference: SpecReference,
  signal: AbortSignal,
): Promise<ObservedReference> => {
  const { kind, name } = reference;
  const version = findVersion(caches, kind, namespace, name);
  if (version === undefined) return reference;
  if (kind === 'Service') return { ...reference, found: { ...version, entries: {} } };
  const { uid, resourceVersion } = version;
  const found = await content.read({ kind, namespace, name, uid, resourceVersion }, signal);
  return found === undefined ? reference : { ...reference, found };
};

/** Of the nodes' labels, of which there are many, those that the tenant speaks of. */
const observeNodes = (nodes: readonly ProjectedNode[], { spec }: IdentityTenant): ObservedNode[] => {
  const selectors = [spec.gateway, spec.auth, spec.tokenStore].map(({ nodeSelector = {} }) => nodeSelector);
  const selected = new Set(selectors.flatMap(Object.keys));
  return nodes.map(({ labels, ...node }) => {
    const zone = labels[spec.availability.topologyKey];
    return {
      ...node,
      labels: Object.fromEntries(Object.entries(labels).filter(([label]) => selected.has(label))),
      ...(zone === undefined ? {} : { zone }),
    };
  });
};

const observePod = (pod: ProjectedPod, { spec }: IdentityTenant): ObservedPod => {
  const zoneLabel = pod.metadata.labels?.[spec.availability.topologyKey];
  return zoneLabel === undefined ? pod : { ...pod, zoneLabel };
};

/** The claim of the managed database's volume, which would give its data to whoever comes next if it went unseen. */
const observeVolume = async (
  { metadata: { name, namespace }, spec }: IdentityTenant,
  { caches, client }: TenantSources,
  signal: AbortSignal,
): Promise<LiveObject | undefined> => {
  const resource = builtInResources.persistentVolumeClaims;
  const reference = { resource, namespace, name: objectNames.databaseVolume({ name }) };
  const claims = caches.owned.find((owned) => owned.resource === resource)?.cache;
  const known = claims?.get(namespace, reference.name);
  if (known !== undefined || !isDatabaseManaged(spec)) return known;
  const isThere = findVersion(caches, 'PersistentVolumeClaim', namespace, reference.name) !== undefined;
  return isThere ? await client.get(reference, { signal }) : undefined;
};

/** Keys and passwords that cannot be made anew where there is data, and that the caches do not have. */
const observeIrreplaceable = async (
  { metadata }: IdentityTenant,
  known: readonly ObservedSecret[],
  { caches, client }: TenantSources,
  signal: AbortSignal,
): Promise<ObservedSecret[]> => {
  const resource = builtInResources.secrets;
  const missing = irreplaceableSecrets(metadata).filter(
    (name) =>
      known.every((secret) => secret.metadata.name !== name) &&
      findVersion(caches, 'Secret', metadata.namespace, name) !== undefined,
  );
  const found = await Promise.all(
    missing.map((name) =>
      client.get<LiveObject & ISecret>({ resource, namespace: metadata.namespace, name }, { signal }),
    ),
  );
  return found.flatMap((secret) => (secret === undefined ? [] : [projectSecret(secret)]));
};

/** Gathers everything that `planTenant` needs: from the caches, and new versions of what the spec names by name. */
export const observeTenant = async (
  tenant: IdentityTenant,
  sources: TenantSources,
  signal: AbortSignal,
): Promise<Observed> => {
  const { caches } = sources;
  const { name, namespace } = tenant.metadata;
  const key = objectKey(namespace, name);
  const { uid } = tenant.metadata;
  // What an earlier tenant of this name owned is on its way out, and what has another controller is that one's, such as the
  // Secret of a client. What was left without an owner stays.
  const isOurs = ({ metadata }: Pick<LiveObject, 'metadata'>): boolean =>
    (metadata.ownerReferences ?? [])
      .filter((owner) => owner.controller === true || isTenantOwner(owner))
      .every((owner) => owner.uid === uid);
  const labelled = caches.owned.flatMap(({ cache }) => cache.byIndex('tenant', key)).filter(isOurs);
  const volume = await observeVolume(tenant, sources, signal);
  const objects = volume === undefined || labelled.includes(volume) ? labelled : [...labelled, volume];
  const ownSecrets = caches.secrets.byIndex('tenant', key).filter(isOurs);
  const dataExists = volume !== undefined || labelled.some(({ kind }) => kind === 'Deployment');
  const secrets = dataExists
    ? [...ownSecrets, ...(await observeIrreplaceable(tenant, ownSecrets, sources, signal))]
    : ownSecrets;
  const health = sources.states.healthOf(key, uid);
  const serviceAccountTokens = sources.serviceAccountTokens.current();
  const issuerHolder = findIssuerHolder(tenant, caches.tenants.byIndex('issuer', tenant.spec.issuer));
  return {
    tenant,
    ...(issuerHolder === undefined ? {} : { issuerHolder }),
    objects,
    secrets: new Map(secrets.map((secret) => [secret.metadata.name, secret])),
    references: await Promise.all(
      listReferences(tenant).map((reference) => observeReference(sources, namespace, reference, signal)),
    ),
    pods: caches.pods.byIndex('tenant', key).map((pod) => observePod(pod, tenant)),
    settingsInUse: new Set(caches.replicaSets.byIndex('tenant', key).flatMap(({ configMaps }) => configMaps)),
    nodes: caches.mayReadNodes() ? observeNodes(caches.nodes.list(), tenant) : undefined,
    served: caches.served(),
    databaseVolumeExists: volume !== undefined,
    ...(serviceAccountTokens === undefined ? {} : { serviceAccountTokens }),
    ...(health === undefined ? {} : { health }),
  };
};
