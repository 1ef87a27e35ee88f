import { labels, tenantFinalizer } from '../api/group.ts';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import { objectNames } from '../manifests/object-names.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { customResources } from './custom-resources.ts';
import { writeFinalizers } from './finalizers.ts';

type DeletingClient = Pick<KubernetesClient, 'delete' | 'get' | 'list' | 'patchMerge' | 'resourceOf'>;

/**
 * What is left of a tenant after its owned objects: keys, credentials, the database's volume. Asked of the API server,
 * since the cache may not know yet what was made a moment before the deletion, and nobody would come back for it.
 */
const listRetained = async (
  { metadata: { namespace, uid } }: IdentityTenant,
  client: DeletingClient,
  signal: AbortSignal,
): Promise<LiveObject[]> => {
  const selection = { namespace, labelSelector: `${labels.tenantUid}=${uid}`, signal };
  const pages = await Promise.all(
    [builtInResources.secrets, builtInResources.persistentVolumeClaims].map((kind) => client.list(kind, selection)),
  );
  return pages
    .flatMap(({ items }) => items)
    .filter(
      ({ metadata }) => (metadata.ownerReferences ?? []).length === 0 && metadata.deletionTimestamp === undefined,
    );
};

/** Before the volume's claim, since the controller of a StatefulSet makes a claim that is missing anew. */
const deleteDatabase = async (
  { metadata: { namespace, name, uid } }: IdentityTenant,
  client: DeletingClient,
  signal: AbortSignal,
): Promise<void> => {
  const reference = { resource: builtInResources.statefulSets, namespace, name: objectNames.database({ name }) };
  const live = await client.get(reference, { signal });
  if (live?.metadata.ownerReferences?.some((owner) => owner.uid === uid) !== true) return;
  const preconditions = { uid: live.metadata.uid };
  await client.delete(reference, { propagationPolicy: 'Background', preconditions, signal });
};

/**
 * Ends a tenant that is being deleted: ownership takes what is owned; under `deletionPolicy: Delete`, which alone sets
 * the finalizer, what was retained is deleted too, and then the tenant is let go.
 */
export const finishDeletion = async (
  tenant: IdentityTenant,
  client: DeletingClient,
  signal: AbortSignal,
): Promise<void> => {
  const { namespace, finalizers } = tenant.metadata;
  if (!finalizers.includes(tenantFinalizer)) return;
  if (tenant.spec.deletionPolicy === 'Delete') {
    await deleteDatabase(tenant, client, signal);
    for (const object of await listRetained(tenant, client, signal)) {
      await client.delete({ resource: client.resourceOf(object), namespace, name: object.metadata.name }, { signal });
    }
  }
  const others = finalizers.filter((one) => one !== tenantFinalizer);
  await writeFinalizers(client, customResources.identityTenants, tenant.metadata, others, signal);
};
