import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type ClientConditionType, type ClientReason, nextConditions, type Verdict } from '../api/conditions.ts';
import { apiVersion, clientFinalizer } from '../api/group.ts';
import { bindingName, type ClientStatus, type IdentityClient, identityClientSchema } from '../api/identity-client.ts';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { EventRecorder } from '../runtime/event-recorder.ts';
import { WriteForbiddenError } from '../runtime/guarded-client.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { hasReason } from '../runtime/kubernetes-error.ts';
import { type LiveObject, parseObjectKey } from '../runtime/kubernetes-object.ts';
import type { TenantCaches } from '../tenant/caches/tenant-caches.ts';
import { customResources } from '../tenant/custom-resources.ts';
import { writeFinalizers } from '../tenant/finalizers.ts';
import { describeFailure } from '../tenant/reconcile-failure.ts';
import { ensureBinding } from './client-binding.ts';
import { buildClientRegistration, clientIdOf } from './client-registration.ts';
import {
  describeStalled,
  findTenant,
  isServedEverywhere,
  openAuthPeer,
  readRevision,
  registrationPath,
} from './tenant-auth.ts';

/** What reconciling clients needs. */
export type ClientReconciler = {
  readonly caches: TenantCaches;
  readonly client: KubernetesClient;
  readonly events: EventRecorder;
  readonly now: () => Date;
  readonly log: Logger;
};

type ClientVerdict = Verdict<ClientConditionType, ClientReason>;
type Outcome = {
  readonly verdicts: ClientVerdict[];
  readonly status: Omit<ClientStatus, 'conditions' | 'observedGeneration'>;
  readonly next: ReconcileResult;
};

/** A registered client is written again this often: a database may have been restored without it. */
const refreshMilliseconds = 5 * 60_000;
/** A tenant's certificates are made within moments. */
const certificateMilliseconds = 5_000;
/** A tenant's pods that become ready wake its clients, and so does what it is Stalled for: this is in case of neither. */
const tenantMilliseconds = 60_000;
/** Garbage collection takes moments. */
const leavingMilliseconds = 1_000;

const waiting = (reason: ClientReason, message: string): ClientVerdict[] => [
  { type: 'Ready', status: 'False', reason, message },
  { type: 'Reconciling', status: 'True', reason, message },
];
const stalled = (reason: ClientReason, message: string): ClientVerdict[] => [
  { type: 'Ready', status: 'False', reason, message },
  { type: 'Stalled', status: 'True', reason, message },
];

/** Sets the finalizer. @returns whether the client is still there. */
const holdBack = async (
  { metadata }: IdentityClient,
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<boolean> => {
  if (metadata.finalizers.includes(clientFinalizer)) return true;
  const finalizers = [...metadata.finalizers, clientFinalizer];
  return writeFinalizers(client, customResources.identityClients, metadata, finalizers, signal);
};

/** What a client says that waits for a tenant which waits for somebody: nobody need change the client. */
const tellStalled = (tenant: IdentityTenant): ClientVerdict[] | undefined => {
  const why = describeStalled(tenant);
  return why === undefined ? undefined : waiting('TenantStalled', `${why}; this client goes on by itself after that`);
};

/** Makes the client's Secret and tells auth of it. @returns undefined for a client that went meanwhile. */
const register = async (
  identityClient: IdentityClient,
  reconciler: ClientReconciler,
  signal: AbortSignal,
): Promise<Outcome | undefined> => {
  const tenantName = identityClient.spec.tenantRef.name;
  const tenant = findTenant(identityClient, reconciler.caches);
  if (tenant === undefined) {
    const message = `IdentityTenant "${tenantName}" is not there; create it, or make this client anew with another spec.tenantRef`;
    return { verdicts: waiting('TenantNotFound', message), status: {}, next: { requeueAfter: refreshMilliseconds } };
  }
  const known = reconciler.caches.secrets.get(identityClient.metadata.namespace, bindingName(identityClient));
  const binding = await ensureBinding(identityClient, tenant, known, reconciler.client, signal);
  if (binding.kind === 'leaving') {
    const message = `Secret "${bindingName(identityClient)}" of the client of this name that was deleted before is still going; it is waited for`;
    return { verdicts: waiting('Waiting', message), status: {}, next: { requeueAfter: leavingMilliseconds } };
  }
  if (binding.kind === 'taken') {
    const message = `Secret "${bindingName(identityClient)}" belongs to somebody else and is left alone; name another one in spec.secret.name`;
    return { verdicts: stalled('NameTaken', message), status: {}, next: { requeueAfter: refreshMilliseconds } };
  }
  const { registryRevision } = identityClient.status;
  const status = {
    clientId: clientIdOf(identityClient),
    binding: { name: bindingName(identityClient) },
    ...(registryRevision === undefined ? {} : { registryRevision }),
  };
  const peer = openAuthPeer(tenant, reconciler.caches);
  if (peer === undefined) {
    const whyStalled = tellStalled(tenant);
    const verdicts = whyStalled ?? waiting('TenantNotReady', `IdentityTenant "${tenantName}" is being set up`);
    const requeueAfter = whyStalled === undefined ? certificateMilliseconds : tenantMilliseconds;
    return { verdicts, status, next: { requeueAfter } };
  }
  try {
    // From the first request on auth may know the client, whatever becomes of the answer: it must not go unheard.
    if (peer.pods > 0 && !(await holdBack(identityClient, reconciler.client, signal))) return undefined;
    const answer = await peer.any(
      'PUT',
      registrationPath(identityClient),
      buildClientRegistration(identityClient, tenant, binding.secret),
    );
    if (!answer.ok && answer.reason === 'refused') {
      const verdicts = stalled('RegistrationRefused', `auth refuses this client: ${answer.detail}`);
      return { verdicts, status, next: { requeueAfter: refreshMilliseconds } };
    }
    if (!answer.ok) {
      const message = `auth of "${tenantName}" does not answer (${answer.detail}); it is tried again`;
      const verdicts = tellStalled(tenant) ?? waiting('AuthUnreachable', message);
      // One that becomes ready wakes its clients.
      return { verdicts, status, next: peer.pods > 0 ? { backOff: true } : { requeueAfter: tenantMilliseconds } };
    }
    const revision = readRevision(answer);
    return {
      verdicts: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Registered',
          message: `auth knows the client "${clientIdOf(identityClient)}"`,
        },
      ],
      status: { ...status, ...(revision === undefined ? {} : { registryRevision: revision }) },
      next: { requeueAfter: refreshMilliseconds },
    };
  } finally {
    await peer.close();
  }
};

/** Has auth forget the client. @returns why it cannot be let go yet; undefined when no running pod knows it any more. */
const disable = async (identityClient: IdentityClient, caches: TenantCaches): Promise<string | undefined> => {
  const tenant = findTenant(identityClient, caches);
  if (tenant === undefined) return undefined;
  const peer = openAuthPeer(tenant, caches);
  if (peer === undefined) return describeStalled(tenant) ?? 'the tenant is being set up';
  try {
    const answer = await peer.any('DELETE', registrationPath(identityClient));
    const revision = readRevision(answer);
    if (revision === undefined)
      return answer.ok ? 'auth names no revision' : (describeStalled(tenant) ?? answer.detail);
    return (await isServedEverywhere(peer, revision)) ? undefined : 'not every pod of auth has heard of it yet';
  } finally {
    await peer.close();
  }
};

/** Writes the status when it differs, with an event when Ready changes. */
const report = async (
  object: LiveObject,
  identityClient: IdentityClient,
  { verdicts, status }: Omit<Outcome, 'next'>,
  { client, events, now }: ClientReconciler,
  signal: AbortSignal,
): Promise<void> => {
  const { generation, name, namespace, uid } = identityClient.metadata;
  const before = identityClient.status.conditions ?? [];
  const next: ClientStatus = {
    ...status,
    observedGeneration: generation,
    conditions: nextConditions(before, verdicts, generation, now()),
  };
  if (isDeepStrictEqual(JSON.parse(JSON.stringify(next)), JSON.parse(JSON.stringify(identityClient.status)))) return;
  await client.applyStatus(
    { apiVersion, kind: 'IdentityClient', metadata: { name, namespace, uid }, status: next },
    { signal },
  );
  const ready = verdicts.find(({ type }) => type === 'Ready');
  const readyBefore = before.find(({ type }) => type === 'Ready');
  if (ready === undefined || (ready.status === readyBefore?.status && ready.reason === readyBefore.reason)) return;
  events.record(object, {
    type: ready.status === 'True' ? 'Normal' : 'Warning',
    reason: ready.reason,
    message: ready.message,
  });
};

const finish = async (
  object: LiveObject,
  identityClient: IdentityClient,
  reconciler: ClientReconciler,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { finalizers } = identityClient.metadata;
  if (!finalizers.includes(clientFinalizer)) return {};
  const obstacle = await disable(identityClient, reconciler.caches);
  if (obstacle !== undefined) {
    const message = `the client goes when every pod of auth has disabled it: ${obstacle}; it is tried again`;
    const { conditions: _old, observedGeneration: _seen, ...status } = identityClient.status;
    await report(object, identityClient, { verdicts: waiting('AuthUnreachable', message), status }, reconciler, signal);
    return { backOff: true };
  }
  const others = finalizers.filter((one) => one !== clientFinalizer);
  await writeFinalizers(reconciler.client, customResources.identityClients, identityClient.metadata, others, signal);
  return {};
};

/**
 * Tells of a pass that failed, since a client would otherwise stand there without a word, or with that of the last good pass.
 * What is registered for this generation stays so, and a conflict is the ordinary end of a race.
 */
const reportFailure = async (
  object: LiveObject,
  identityClient: IdentityClient,
  error: unknown,
  reconciler: ClientReconciler,
  signal: AbortSignal,
): Promise<void> => {
  const { conditions = [], observedGeneration, ...status } = identityClient.status;
  const isRegistered = conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  if (hasReason(error, 'Conflict') || (isRegistered && observedGeneration === identityClient.metadata.generation))
    return;
  const verdicts = waiting('ReconcileFailed', `the last pass failed, and is tried again: ${describeFailure(error)}`);
  try {
    await report(object, identityClient, { verdicts, status }, reconciler, signal);
  } catch (reason) {
    // It went meanwhile: there is nobody to tell.
    if (!hasReason(reason, 'NotFound') && !hasReason(reason, 'Conflict')) throw reason;
  }
};

/** Brings one IdentityClient, `namespace/name`, to its desired state. */
export const reconcileClient = async (
  reconciler: ClientReconciler,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { namespace, name } = parseObjectKey(key);
  const object = reconciler.caches.clients.get(namespace, name);
  if (object === undefined) return {};
  const identityClient = identityClientSchema.parse(object);
  if (identityClient.metadata.deletionTimestamp !== undefined)
    return finish(object, identityClient, reconciler, signal);
  try {
    const outcome = await register(identityClient, reconciler, signal);
    if (outcome === undefined) return {};
    await report(object, identityClient, outcome, reconciler, signal);
    return outcome.next;
  } catch (error) {
    if (!signal.aborted && !(error instanceof WriteForbiddenError))
      await reportFailure(object, identityClient, error, reconciler, signal);
    throw error;
  }
};
