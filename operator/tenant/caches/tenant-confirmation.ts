import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { IdentityTenant } from '../../api/identity-tenant.ts';
import { tenantStatusSchema } from '../../api/tenant-status.ts';
import type { KubernetesClient } from '../../runtime/kubernetes-client.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { customResources } from '../custom-resources.ts';

/** Nothing was written: the tenant that this pass knows is not the one that the API server has. */
export class OutdatedTenantError extends Error {
  override readonly name = 'OutdatedTenantError';
  /** The tenant as it is; undefined when it is gone, or another one has its name. */
  readonly present: LiveObject | undefined;

  constructor(present: LiveObject | undefined) {
    super('the tenant is not as the cache has it');
    this.present = present;
  }
}

/**
 * Asks the API server for the tenant before a pass writes, where an older view of it could do harm. Each kind has a watch of
 * its own, and any of them may lag behind the others: a new leader that knows the new settings and Deployments of a tenant
 * and yet its old spec would take the ones away and roll the others back; and one that has not heard that a tenant is deleted
 * would make anew what garbage collection has just taken.
 */
export type TenantConfirmation = {
  /** A client whose writes fail with {@link OutdatedTenantError} unless the tenant still is what `tenant` says. */
  readonly guard: (client: KubernetesClient, tenant: IdentityTenant, signal: AbortSignal) => KubernetesClient;
};

const maxTenants = 10_000;

const turnSchema = z.object({
  status: tenantStatusSchema.pick({ version: true, targetVersion: true }).prefault({}),
});
type Turn = z.output<typeof turnSchema>['status'];

const statusOf = (tenant: LiveObject): Turn => turnSchema.safeParse(tenant).data?.status ?? {};

/** A tenant without a version of its own runs what its status says: an older one would set its services back. */
const isSameTurn = (one: Turn, other: Turn): boolean =>
  one.version === other.version && one.targetVersion === other.targetVersion;

/** While a tenant is made for the first time, only this term writes, and by what it has seen itself. */
const isEstablished = ({ status }: IdentityTenant): boolean =>
  status.conditions?.some((condition) => condition.type === 'DatabaseReady' && condition.status === 'True') === true;

/** For one term of leadership: before it, others may have written by a newer view. */
export const createTenantConfirmation = (): TenantConfirmation => {
  const confirmed = new LRUCache<string, true>({ max: maxTenants });

  const confirm = async (
    client: KubernetesClient,
    { metadata, status }: IdentityTenant,
    signal: AbortSignal,
  ): Promise<void> => {
    const { namespace, name, uid, generation } = metadata;
    const present = await client.get({ resource: customResources.identityTenants, namespace, name }, { signal });
    if (present?.metadata.uid !== uid) throw new OutdatedTenantError(undefined);
    const isAsKnown = present.metadata.generation === generation && isSameTurn(statusOf(present), status);
    if (!isAsKnown || present.metadata.deletionTimestamp !== undefined) throw new OutdatedTenantError(present);
    confirmed.set(uid, true);
  };

  return {
    guard: (client, tenant, signal) => {
      if (confirmed.has(tenant.metadata.uid) && !isEstablished(tenant)) return client;
      // Once a pass, and only when there is something to write: who is done costs no read.
      let confirmation: Promise<void> | undefined;
      const begin = (): Promise<void> => {
        confirmation ??= confirm(client, tenant, signal);
        return confirmation;
      };
      const guarded = <Call extends (...parameters: never[]) => Promise<unknown>>(call: Call): Call =>
        // The same function behind a check: its parameters and answer are those of `call`.
        (async (...parameters) => {
          await begin();
          return call(...parameters);
        }) as Call;
      return {
        ...client,
        // Whoever reads here is about to write: the two questions are asked at once. That write hears the answer, or nobody.
        get: (reference, options) => {
          begin().catch(() => undefined);
          return client.get(reference, options);
        },
        applyServerSide: guarded(client.applyServerSide),
        create: guarded(client.create),
        replace: guarded(client.replace),
        patchMerge: guarded(client.patchMerge),
        delete: guarded(client.delete),
        evict: guarded(client.evict),
      };
    },
  };
};
