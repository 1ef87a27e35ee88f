import { labels, tenantFinalizer } from '../api/group.ts';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { objectKey } from '../runtime/kubernetes-object.ts';
import { customResources } from './custom-resources.ts';
import type { TenantCaches } from './tenant-caches.ts';

/** What is left of a tenant after its owned objects: keys, credentials, the database's volume. */
export const retainedObjects = (tenant: IdentityTenant, caches: TenantCaches): LiveObject[] => {
  const key = objectKey(tenant.metadata.namespace, tenant.metadata.name);
  const claims = caches.owned.filter(({ resource }) => resource.kind === 'PersistentVolumeClaim');
  return [
    ...caches.secrets.byIndex('tenant', key),
    ...claims.flatMap(({ cache }) => cache.byIndex('tenant', key)),
  ].filter(
    ({ metadata }) =>
      metadata.labels?.[labels.tenantUid] === tenant.metadata.uid &&
      (metadata.ownerReferences ?? []).length === 0 &&
      metadata.deletionTimestamp === undefined,
  );
};

/**
 * Ends a tenant that is being deleted: ownership takes what is owned; under `deletionPolicy: Delete`, which alone sets
 * the finalizer, what was retained is deleted too, and then the tenant is let go.
 */
export const finishDeletion = async (
  tenant: IdentityTenant,
  caches: TenantCaches,
  client: Pick<KubernetesClient, 'delete' | 'patchMerge' | 'resourceOf'>,
  signal: AbortSignal,
): Promise<void> => {
  const { name, namespace, finalizers, resourceVersion } = tenant.metadata;
  if (!finalizers.includes(tenantFinalizer)) return;
  if (tenant.spec.deletionPolicy === 'Delete') {
    for (const object of retainedObjects(tenant, caches)) {
      await client.delete({ resource: client.resourceOf(object), namespace, name: object.metadata.name }, { signal });
    }
  }
  await client.patchMerge(
    { resource: customResources.identityTenants, namespace, name },
    { metadata: { resourceVersion, finalizers: finalizers.filter((one) => one !== tenantFinalizer) } },
    { signal },
  );
};
