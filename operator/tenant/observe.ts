import type { ISecret } from 'kubernetes-models/v1';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import { objectNames } from '../manifests/object-names.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { type LiveObject, objectKey } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { findIssuerHolder } from './issuer-holder.ts';
import type { Observed, ObservedNode, ObservedReference } from './observed.ts';
import { decodeEntries, type TenantCaches } from './tenant-caches.ts';

/** A Secret that a field of the spec names. */
type Reference = Omit<ObservedReference, 'secret'>;

/** The Secrets that a tenant's spec names. */
export const referencedSecrets = ({ spec }: Pick<IdentityTenant, 'spec'>): Reference[] => [
  ...(spec.database?.connection === undefined
    ? []
    : [
        {
          field: 'spec.database.connection.secretRef',
          name: spec.database.connection.secretRef.name,
          requiredEntries: ['url'],
        },
      ]),
  ...(spec.gateway.tls === undefined
    ? []
    : [
        {
          field: 'spec.gateway.tls.secretName',
          name: spec.gateway.tls.secretName,
          requiredEntries: ['tls.crt', 'tls.key'],
        },
      ]),
];

const observeReference = async (
  client: Pick<KubernetesClient, 'get'>,
  namespace: string,
  reference: Reference,
  signal: AbortSignal,
): Promise<ObservedReference> => {
  const secret = await client.get<LiveObject & ISecret>(
    { resource: builtInResources.secrets, namespace, name: reference.name },
    { signal },
  );
  if (secret === undefined) return reference;
  const { apiVersion, kind, metadata } = secret;
  return { ...reference, secret: { apiVersion, kind, metadata, entries: decodeEntries(secret) } };
};

const observeNode = (node: LiveObject, topologyKey: string): ObservedNode => {
  const zone = node.metadata.labels?.[topologyKey];
  return { name: node.metadata.name, ...(zone === undefined ? {} : { zone }) };
};

/** Reads everything that `planTenant` needs: from the caches, and referenced Secrets by name. */
export const observeTenant = async (
  tenant: IdentityTenant,
  caches: TenantCaches,
  client: Pick<KubernetesClient, 'get'>,
  signal: AbortSignal,
): Promise<Observed> => {
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
      referencedSecrets(tenant).map((reference) => observeReference(client, namespace, reference, signal)),
    ),
    pods: caches.pods.byIndex('tenant', key),
    settingsInUse: new Set(caches.replicaSets.byIndex('tenant', key).flatMap(({ configMaps }) => configMaps)),
    nodes: caches.nodes.list().map((node) => observeNode(node, tenant.spec.availability.topologyKey)),
    databaseVolumeExists: claims?.get(namespace, objectNames.databaseVolume({ name })) !== undefined,
  };
};
