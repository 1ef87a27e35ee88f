import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { apiVersion } from '../api/group.ts';
import { type IdentityTenant, identityTenantSchema, type TenantStatus } from '../api/identity-tenant.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { EventRecorder } from '../runtime/event-recorder.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { parseObjectKey } from '../runtime/kubernetes-object.ts';
import { applyPlan } from './apply.ts';
import { finishDeletion } from './deletion.ts';
import { observeTenant } from './observe.ts';
import { type OperatorRelease, planTenant } from './plan.ts';
import type { TenantCaches } from './tenant-caches.ts';

/** What reconciling tenants needs. */
export type TenantReconciler = {
  readonly caches: TenantCaches;
  readonly client: KubernetesClient;
  readonly events: EventRecorder;
  readonly release: OperatorRelease;
  readonly now: () => Date;
  readonly log: Logger;
};

const reportStatus = async (
  tenant: IdentityTenant,
  status: TenantStatus,
  { client }: TenantReconciler,
  signal: AbortSignal,
) => {
  // Through JSON, as the API server stores it: members that are undefined are not there.
  if (isDeepStrictEqual(JSON.parse(JSON.stringify(status)), JSON.parse(JSON.stringify(tenant.status)))) return;
  const { name, namespace } = tenant.metadata;
  await client.applyStatus(
    { apiVersion, kind: 'IdentityTenant', metadata: { name, namespace }, status },
    {
      signal,
    },
  );
};

/** Brings one tenant, `namespace/name`, to its desired state: observe -> plan -> apply -> report. */
export const reconcileTenant = async (
  reconciler: TenantReconciler,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { caches, client, events, release, now } = reconciler;
  const { namespace, name } = parseObjectKey(key);
  const object = caches.tenants.get(namespace, name);
  if (object === undefined) return {};
  const tenant = identityTenantSchema.parse(object);
  if (tenant.metadata.deletionTimestamp !== undefined) {
    await finishDeletion(tenant, client, signal);
    return {};
  }

  const observed = await observeTenant(tenant, caches, client, signal);
  const intended = planTenant(observed, release, now());
  // Before any slow work: whoever waits for the tenant learns at once that this generation is being worked on.
  if (tenant.status.observedGeneration === undefined) await reportStatus(tenant, intended.status, reconciler, signal);

  const { taken } = await applyPlan(intended, observed, { client, now, signal });
  const plan = taken === undefined ? intended : planTenant({ ...observed, taken }, release, now());
  await reportStatus(tenant, plan.status, reconciler, signal);
  for (const event of plan.events) events.record(object, event);
  return plan.requeueAfterMilliseconds === undefined ? {} : { requeueAfter: plan.requeueAfterMilliseconds };
};
