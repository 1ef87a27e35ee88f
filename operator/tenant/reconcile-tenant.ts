import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { apiVersion } from '../api/group.ts';
import { type IdentityTenant, identityTenantSchema } from '../api/identity-tenant.ts';
import type { ReportedStatus } from '../api/tenant-status.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { EventRecorder, RecordedEvent } from '../runtime/event-recorder.ts';
import { WriteForbiddenError, watchWrites } from '../runtime/guarded-client.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { type LiveObject, objectKey, parseObjectKey } from '../runtime/kubernetes-object.ts';
import { applyFinalizer, applyPlan } from './apply.ts';
import type { FieldMutations } from './caches/field-mutations.ts';
import { fingerprintOf, type SettledTenants } from './caches/settled-tenants.ts';
import type { StatusPace } from './caches/status-pace.ts';
import type { TenantCaches } from './caches/tenant-caches.ts';
import { OutdatedTenantError, type TenantConfirmation } from './caches/tenant-confirmation.ts';
import { customResources } from './custom-resources.ts';
import { finishDeletion } from './deletion.ts';
import type { InternalStates } from './health/internal-states.ts';
import { observeTenant } from './observe.ts';
import type { OperatorRelease } from './operator-release.ts';
import { planTenant } from './plan.ts';
import { planFailureReport } from './reconcile-failure.ts';
import type { ReferencedContent } from './references/referenced-content.ts';
import type { ServiceAccountTokensWatch } from './service-account-tokens.ts';

/** What reconciling tenants needs. */
export type TenantReconciler = {
  readonly caches: TenantCaches;
  readonly client: KubernetesClient;
  readonly content: ReferencedContent;
  readonly states: Pick<InternalStates, 'healthOf'>;
  readonly serviceAccountTokens: Pick<ServiceAccountTokensWatch, 'current'>;
  readonly events: EventRecorder;
  readonly release: OperatorRelease;
  readonly mutations: FieldMutations;
  readonly pace: StatusPace;
  readonly settled: SettledTenants;
  readonly confirmation: TenantConfirmation;
  readonly now: () => Date;
  readonly log: Logger;
};

/** What is compared is what the API server stores: members that are undefined are not there. */
const stored = (status: ReportedStatus): unknown => JSON.parse(JSON.stringify(status));

/** A tenant as it stands after a report, and how long the rest of the report has to wait, ms. */
type Told = { readonly tenant: IdentityTenant; readonly waitMilliseconds?: number };

/**
 * Writes a plan's status when it differs (the target version is the fleet's to write) and is not mere progress so soon after
 * the last, and with it the events of its transitions: told at once, they are neither lost
 * nor told twice when a later step of the pass fails.
 */
const report = async (
  tenant: IdentityTenant,
  plan: { readonly status: ReportedStatus; readonly events: readonly RecordedEvent[] },
  object: LiveObject,
  { client, events, pace }: TenantReconciler,
  signal: AbortSignal,
): Promise<Told> => {
  const { targetVersion, ...known } = tenant.status;
  if (isDeepStrictEqual(stored(plan.status), stored(known))) return { tenant };
  // The UID: a tenant of the same name that was made meanwhile is another one.
  const { name, namespace, uid } = tenant.metadata;
  const waitMilliseconds = plan.events.length > 0 ? 0 : pace.delay(uid, tenant.status, plan.status);
  if (waitMilliseconds > 0) return { tenant, waitMilliseconds };
  await client.applyStatus(
    { apiVersion, kind: 'IdentityTenant', metadata: { name, namespace, uid }, status: plan.status },
    { signal },
  );
  pace.told(uid);
  for (const event of plan.events) events.record(object, event);
  const status = { ...plan.status, ...(targetVersion === undefined ? {} : { targetVersion }) };
  return { tenant: { ...tenant, status } };
};

/** The keys and the CA, the certificates that it signs, what mounts them, and a look at all of that. */
const maxRounds = 4;

/** One round: carries a plan out and tells of it. @returns the result, or the tenant for another round. */
const carryOutOnce = async (
  tenant: IdentityTenant,
  object: LiveObject,
  reconciler: TenantReconciler,
  round: number,
  signal: AbortSignal,
): Promise<ReconcileResult | { readonly again: IdentityTenant }> => {
  const { events, mutations, release, settled, now } = reconciler;
  let wrote = false;
  const watched = watchWrites(reconciler.client, () => {
    wrote = true;
  });
  const client = reconciler.confirmation.guard(watched, tenant, signal);
  const observed = await observeTenant(tenant, reconciler, signal);
  const { namespace, name, uid } = tenant.metadata;
  const key = `${objectKey(namespace, name)}/${uid}`;
  const fingerprint = fingerprintOf(observed);
  const remaining = settled.remaining(key, fingerprint, now());
  if (remaining !== undefined) return { requeueAfter: remaining };
  const intended = planTenant(observed, release, now());
  // Before the status, which would change the version that the finalizer's write is bound to.
  if (round === 1) await applyFinalizer(observed, intended.finalizer, { client, now, signal });
  // Before any slow work: whoever waits for the tenant learns at once that this generation is being worked on.
  const isNew = tenant.status.observedGeneration === undefined;
  const told = isNew ? (await report(tenant, intended, object, reconciler, signal)).tenant : tenant;

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
  // What was written is in the caches by now: what comes next need not wait for another pass, and is told with it.
  if (wentThrough && round < maxRounds) {
    const written = await observeTenant(told, reconciler, signal);
    if (fingerprintOf(written) !== fingerprint) return { again: told };
  }
  const plan = wentThrough ? intended : planTenant({ ...observed, tenant: told, ...outcome }, release, now());
  const { waitMilliseconds = Number.POSITIVE_INFINITY } = await report(told, plan, object, reconciler, signal);
  const requeueAfter = Math.min(plan.requeueAfterMilliseconds, waitMilliseconds);
  // What a write has changed may be undone by others, and then looks again as it did before the write.
  if (wentThrough && !wrote) settled.settle(key, fingerprint, now(), requeueAfter);
  return { requeueAfter };
};

const carryOut = async (
  tenant: IdentityTenant,
  object: LiveObject,
  reconciler: TenantReconciler,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  let current = tenant;
  for (let round = 1; ; round += 1) {
    const result = await carryOutOnce(current, object, reconciler, round, signal);
    if (!('again' in result)) return result;
    current = result.again;
  }
};

/** Whether there is still something to fail for: a tenant may go, or come anew, in the middle of a pass. */
const isStillThere = async (
  { metadata: { name, namespace, uid, deletionTimestamp } }: IdentityTenant,
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<boolean> => {
  const present = await client.get({ resource: customResources.identityTenants, namespace, name }, { signal });
  return present?.metadata.uid === uid && present.metadata.deletionTimestamp === deletionTimestamp;
};

/** When the watch of tenants is behind, its event is awaited; this is for the case that it never comes. */
const outdatedPeriod = 5_000;

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
  try {
    return tenant.metadata.deletionTimestamp === undefined
      ? await carryOut(tenant, object, reconciler, signal)
      : await finishDeletion(tenant, client, signal);
  } catch (error) {
    if (signal.aborted || error instanceof WriteForbiddenError) throw error;
    if (error instanceof OutdatedTenantError) {
      if (error.present !== undefined) caches.tenants.remember(error.present);
      return { requeueAfter: outdatedPeriod };
    }
    if (!(await isStillThere(tenant, client, signal))) return {};
    const known = caches.tenants.get(namespace, name) ?? object;
    const current = identityTenantSchema.parse(known);
    const failure = planFailureReport(current, error, now());
    if (failure !== undefined) await report(current, failure, known, reconciler, signal);
    throw error;
  }
};
