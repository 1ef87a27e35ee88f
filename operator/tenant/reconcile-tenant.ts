import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { apiVersion } from '../api/group.ts';
import { type IdentityTenant, identityTenantSchema } from '../api/identity-tenant.ts';
import type { TenantStatus } from '../api/tenant-status.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { EventRecorder } from '../runtime/event-recorder.ts';
import { WriteForbiddenError } from '../runtime/guarded-client.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { type LiveObject, parseObjectKey } from '../runtime/kubernetes-object.ts';
import { applyFinalizer, applyPlan } from './apply.ts';
import { customResources } from './custom-resources.ts';
import { finishDeletion } from './deletion.ts';
import type { FieldMutations } from './field-mutations.ts';
import { observeTenant } from './observe.ts';
import { type Plan, planTenant } from './plan.ts';
import { planFailureReport } from './reconcile-failure.ts';
import type { ReferencedContent } from './referenced-content.ts';
import type { OperatorRelease } from './situation.ts';
import { rememberWritten, type TenantCaches } from './tenant-caches.ts';

/** What reconciling tenants needs. */
export type TenantReconciler = {
  readonly caches: TenantCaches;
  readonly client: KubernetesClient;
  readonly content: ReferencedContent;
  readonly events: EventRecorder;
  readonly release: OperatorRelease;
  readonly mutations: FieldMutations;
  readonly now: () => Date;
  readonly log: Logger;
};

/** What is compared is what the API server stores: members that are undefined are not there. */
const stored = (status: TenantStatus): unknown => JSON.parse(JSON.stringify(status));

/**
 * Writes a plan's status when it differs, and with it the events of its transitions: told at once, they are neither lost
 * nor told twice when a later step of the pass fails.
 * @returns the tenant as it is then.
 */
const report = async (
  tenant: IdentityTenant,
  plan: Pick<Plan, 'status' | 'events'>,
  object: LiveObject,
  { caches, client, events }: TenantReconciler,
  signal: AbortSignal,
): Promise<IdentityTenant> => {
  if (isDeepStrictEqual(stored(plan.status), stored(tenant.status))) return tenant;
  // The UID: a tenant of the same name that was made meanwhile is another one.
  const { name, namespace, uid } = tenant.metadata;
  const written = await client.applyStatus<LiveObject>(
    { apiVersion, kind: 'IdentityTenant', metadata: { name, namespace, uid }, status: plan.status },
    { signal },
  );
  rememberWritten(caches.tenants, written);
  for (const event of plan.events) events.record(object, event);
  return { ...tenant, status: plan.status };
};

const carryOut = async (
  tenant: IdentityTenant,
  object: LiveObject,
  reconciler: TenantReconciler,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { client, events, mutations, release, now } = reconciler;
  const observed = await observeTenant(tenant, reconciler, signal);
  const intended = planTenant(observed, release, now());
  // Before the status, which would change the version that the finalizer's write is bound to.
  await applyFinalizer(observed, intended.finalizer, { client, now, signal });
  // Before any slow work: whoever waits for the tenant learns at once that this generation is being worked on.
  const isNew = tenant.status.observedGeneration === undefined;
  const told = isNew ? await report(tenant, intended, object, reconciler, signal) : tenant;

  const outcome = await applyPlan(intended, observed, {
    client,
    now,
    signal,
    mutations,
    onMutated: (mutated, fields) => {
      const message = `${mutated}: an admission webhook or policy changes ${fields.join(', ')}; it is left so`;
      events.record(object, { type: 'Warning', reason: 'FieldMutated', message });
    },
    onReplaced: (replaced, why) => {
      const message = `${replaced} is made again, since it cannot be changed in place: ${why.slice(0, 500)}`;
      events.record(object, { type: 'Normal', reason: 'ObjectReplaced', message });
    },
  });
  const wentThrough = Object.keys(outcome).length === 0;
  const plan = wentThrough ? intended : planTenant({ ...observed, tenant: told, ...outcome }, release, now());
  await report(told, plan, object, reconciler, signal);
  return { requeueAfter: plan.requeueAfterMilliseconds };
};

/** Whether there is still something to fail for: a tenant may go, or come anew, in the middle of a pass. */
const isStillThere = async (
  { metadata: { name, namespace, uid } }: IdentityTenant,
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<boolean> => {
  const present = await client.get({ resource: customResources.identityTenants, namespace, name }, { signal });
  return present?.metadata.uid === uid && present.metadata.deletionTimestamp === undefined;
};

/** Brings one tenant, `namespace/name`, to its desired state: observe -> plan -> apply -> report. */
export const reconcileTenant = async (
  reconciler: TenantReconciler,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { caches, client, now } = reconciler;
  const { namespace, name } = parseObjectKey(key);
  const object = caches.tenants.get(namespace, name);
  if (object === undefined) return {};
  const tenant = identityTenantSchema.parse(object);
  if (tenant.metadata.deletionTimestamp !== undefined) {
    await finishDeletion(tenant, client, signal);
    return {};
  }
  try {
    return await carryOut(tenant, object, reconciler, signal);
  } catch (error) {
    if (signal.aborted || error instanceof WriteForbiddenError) throw error;
    if (!(await isStillThere(tenant, client, signal))) return {};
    const known = caches.tenants.get(namespace, name) ?? object;
    const current = identityTenantSchema.parse(known);
    const failure = planFailureReport(current, error, now());
    if (failure !== undefined) await report(current, failure, known, reconciler, signal);
    throw error;
  }
};
