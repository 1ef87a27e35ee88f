import type { IdentityTenant } from '../api/identity-tenant.ts';
import { objectNames } from '../manifests/object-names.ts';
import { type LiveObject, objectKey } from '../runtime/kubernetes-object.ts';
import { findIssuerHolder } from './issuer-holder.ts';
import type { Observed, ObservedNode, ObservedReference } from './observed.ts';
import type { ReferencedContent } from './referenced-content.ts';
import { listReferences, type SpecReference } from './spec-references.ts';
import { findVersion, type TenantCaches } from './tenant-caches.ts';

/** Where an observation comes from. */
export type TenantSources = { readonly caches: TenantCaches; readonly content: ReferencedContent };

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

const observeNode = (node: LiveObject, topologyKey: string): ObservedNode => {
  const zone = node.metadata.labels?.[topologyKey];
  return { name: node.metadata.name, ...(zone === undefined ? {} : { zone }) };
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
  // What an earlier tenant of this name owned is on its way out; what it left without an owner stays.
  const isOurs = ({ metadata }: Pick<LiveObject, 'metadata'>): boolean =>
    (metadata.ownerReferences ?? []).every((owner) => owner.uid === uid);
  const secrets = caches.secrets.byIndex('tenant', key).filter(isOurs);
  const issuerHolder = findIssuerHolder(tenant, caches.tenants.byIndex('issuer', tenant.spec.issuer));
  const claims = caches.owned.find(({ resource }) => resource.kind === 'PersistentVolumeClaim')?.cache;
  return {
    tenant,
    ...(issuerHolder === undefined ? {} : { issuerHolder }),
    objects: caches.owned.flatMap(({ cache }) => cache.byIndex('tenant', key)).filter(isOurs),
    secrets: new Map(secrets.map((secret) => [secret.metadata.name, secret])),
    references: await Promise.all(
      listReferences(tenant).map((reference) => observeReference(sources, namespace, reference, signal)),
    ),
    pods: caches.pods.byIndex('tenant', key),
    settingsInUse: new Set(caches.replicaSets.byIndex('tenant', key).flatMap(({ configMaps }) => configMaps)),
    nodes: caches.nodes.list().map((node) => observeNode(node, tenant.spec.availability.topologyKey)),
    served: new Set(),
    databaseVolumeExists: claims?.get(namespace, objectNames.databaseVolume({ name })) !== undefined,
  };
};
