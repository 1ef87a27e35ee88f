import { labels, tenantFinalizer } from '../api/group.ts';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import { objectNames } from '../manifests/object-names.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
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

/**
 * Before the volume's claim, since the controller of a StatefulSet makes a claim that is missing anew.
 * @returns whether it was there.
 */
const deleteDatabase = async (
  { metadata: { namespace, name, uid } }: IdentityTenant,
  client: DeletingClient,
  signal: AbortSignal,
): Promise<boolean> => {
  const reference = { resource: builtInResources.statefulSets, namespace, name: objectNames.database({ name }) };
  const live = await client.get(reference, { signal });
  if (live?.metadata.ownerReferences?.some((owner) => owner.uid === uid) !== true) return false;
  const preconditions = { uid: live.metadata.uid };
  await client.delete(reference, { propagationPolicy: 'Background', preconditions, signal });
  return true;
};

/** Deletes what was retained. @returns whether there was anything. */
const deleteRetained = async (
  tenant: IdentityTenant,
  client: DeletingClient,
  signal: AbortSignal,
): Promise<boolean> => {
  const { namespace } = tenant.metadata;
  const isDatabaseThere = await deleteDatabase(tenant, client, signal);
  const retained = await listRetained(tenant, client, signal);
  for (const object of retained) {
    const { name, uid } = object.metadata;
    // That very one: what somebody has made by its name meanwhile is his.
    await client.delete({ resource: client.resourceOf(object), namespace, name }, { preconditions: { uid }, signal });
  }
  return isDatabaseThere || retained.length > 0;
};

/** Until it is looked whether anything came back. */
const lookAgainMilliseconds = 1_000;

/**
 * Ends a tenant that is being deleted: ownership takes what is owned; under `deletionPolicy: Delete`, which alone sets
 * the finalizer, what was retained is deleted too. The tenant is let go by a pass that finds nothing any more: a controller
 * of StatefulSets that lags may make the claim once more, and the next tenant of this name would find a volume without keys.
 */
export const finishDeletion = async (
  tenant: IdentityTenant,
  client: DeletingClient,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { finalizers } = tenant.metadata;
  if (!finalizers.includes(tenantFinalizer)) return {};
  if (tenant.spec.deletionPolicy === 'Delete' && (await deleteRetained(tenant, client, signal))) {
    return { requeueAfter: lookAgainMilliseconds };
  }
  const others = finalizers.filter((one) => one !== tenantFinalizer);
  await writeFinalizers(client, customResources.identityTenants, tenant.metadata, others, signal);
  return {};
};
