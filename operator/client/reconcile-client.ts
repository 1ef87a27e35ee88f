import { isDeepStrictEqual } from 'node:util';
import type { ISecret } from 'kubernetes-models/v1';
import type { Logger } from 'pino';
import { clientRegistryRevisionSchema } from '../../services/shared/contracts/client-registration.ts';
import { internalStateSchema } from '../../services/shared/contracts/internal-state.ts';
import { type ClientConditionType, type ClientReason, nextConditions, type Verdict } from '../api/conditions.ts';
import { apiVersion, clientFinalizer, labels, managedByValue } from '../api/group.ts';
import { type ClientStatus, type IdentityClient, identityClientSchema } from '../api/identity-client.ts';
import { type IdentityTenant, identityTenantSchema } from '../api/identity-tenant.ts';
import { generateClientSecret } from '../keys/random-secrets.ts';
import { objectNames } from '../manifests/object-names.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { EventRecorder } from '../runtime/event-recorder.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { hasReason } from '../runtime/kubernetes-error.ts';
import { type LiveObject, objectKey, parseObjectKey } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { customResources } from '../tenant/custom-resources.ts';
import { decodeEntries, type TenantCaches } from '../tenant/tenant-caches.ts';
import { type AuthPeer, createAuthPeer, type PeerAnswer } from './auth-peer.ts';
import { bindingEntries, bindingName, buildClientRegistration, clientIdOf, hasSecret } from './client-registration.ts';

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
  readonly requeueAfter: number;
};

/** A registered client is written again this often: a database may have been restored without it. */
const refreshMilliseconds = 5 * 60_000;
const retryMilliseconds = 5_000;

const waiting = (reason: ClientReason, message: string): ClientVerdict[] => [
  { type: 'Ready', status: 'False', reason, message },
  { type: 'Reconciling', status: 'True', reason, message },
];
const stalled = (reason: ClientReason, message: string): ClientVerdict[] => [
  { type: 'Ready', status: 'False', reason, message },
  { type: 'Stalled', status: 'True', reason, message },
];

const findTenant = (client: IdentityClient, caches: TenantCaches): IdentityTenant | undefined => {
  const object = caches.tenants.get(client.metadata.namespace, client.spec.tenantRef.name);
  return object === undefined ? undefined : identityTenantSchema.parse(object);
};

/** auth's pods of a tenant, when the operator holds a certificate for it. */
const openAuthPeer = (tenant: IdentityTenant, caches: TenantCaches): AuthPeer | undefined => {
  const { name, namespace } = tenant.metadata;
  const identity = caches.secrets.get(namespace, objectNames.identity({ name }, 'operator'))?.entries;
  if (identity === undefined) return undefined;
  const addresses = caches.pods
    .byIndex('tenant', objectKey(namespace, name))
    .filter((pod) => pod.component === 'auth' && pod.ready && !pod.terminating)
    .flatMap(({ address }) => (address === undefined ? [] : [address]));
  return createAuthPeer({ tenant: name, namespace }, identity, addresses);
};

const registrationPath = (client: IdentityClient): string =>
  `/internal/clients/${encodeURIComponent(clientIdOf(client))}`;

const ownerReference = ({ metadata }: IdentityClient) => ({
  apiVersion,
  kind: 'IdentityClient',
  name: metadata.name,
  uid: metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

/** The client's secret out of its Secret, made when missing. `taken`: a Secret of that name is somebody else's. */
const ensureBinding = async (
  identityClient: IdentityClient,
  tenant: IdentityTenant,
  { client }: ClientReconciler,
  signal: AbortSignal,
): Promise<{ taken: true } | { taken: false; secret: string | undefined }> => {
  const { namespace, uid } = identityClient.metadata;
  const reference = { resource: builtInResources.secrets, namespace, name: bindingName(identityClient) };
  const present = await client.get<LiveObject & ISecret>(reference, { signal });
  if (present !== undefined && present.metadata.ownerReferences?.some((owner) => owner.uid === uid) !== true)
    return { taken: true };
  const known = present === undefined ? {} : decodeEntries(present);
  const secret = hasSecret(identityClient) ? (known[bindingEntries.clientSecret] ?? generateClientSecret()) : undefined;
  const entries: Record<string, string> = {
    [bindingEntries.type]: 'oauth2',
    [bindingEntries.provider]: 'identity-operator',
    [bindingEntries.issuer]: tenant.spec.issuer,
    [bindingEntries.clientId]: clientIdOf(identityClient),
    ...(secret === undefined ? {} : { [bindingEntries.clientSecret]: secret }),
  };
  if (isDeepStrictEqual(entries, known)) return { taken: false, secret };
  const binding = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'servicebinding.io/oauth2',
    metadata: {
      name: reference.name,
      namespace,
      labels: {
        [labels.managedBy]: managedByValue,
        [labels.instance]: tenant.metadata.name,
        [labels.component]: 'client',
      },
      ownerReferences: [ownerReference(identityClient)],
    },
    data: Object.fromEntries(
      Object.entries(entries).map(([entry, value]) => [entry, Buffer.from(value).toString('base64')]),
    ),
  } satisfies ISecret;
  try {
    // A first secret is created, not applied: two writers must not both believe in theirs.
    if (present === undefined) await client.create(binding, { signal });
    else await client.applyServerSide(binding, { signal });
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    return ensureBinding(identityClient, tenant, { client } as ClientReconciler, signal);
  }
  return { taken: false, secret };
};

const readRevision = (answer: PeerAnswer): number | undefined =>
  answer.ok ? clientRegistryRevisionSchema.safeParse(answer.body).data?.revision : undefined;

const register = async (
  identityClient: IdentityClient,
  reconciler: ClientReconciler,
  signal: AbortSignal,
): Promise<Outcome> => {
  const tenantName = identityClient.spec.tenantRef.name;
  const tenant = findTenant(identityClient, reconciler.caches);
  if (tenant === undefined || tenant.metadata.deletionTimestamp !== undefined) {
    const message = `IdentityTenant "${tenantName}" is not there; create it, or name another one in spec.tenantRef`;
    return { verdicts: waiting('TenantNotFound', message), status: {}, requeueAfter: refreshMilliseconds };
  }
  const binding = await ensureBinding(identityClient, tenant, reconciler, signal);
  if (binding.taken) {
    const message = `Secret "${bindingName(identityClient)}" belongs to somebody else and is left alone; name another one in spec.secret.name`;
    return { verdicts: stalled('NameTaken', message), status: {}, requeueAfter: refreshMilliseconds };
  }
  const status = { clientId: clientIdOf(identityClient), binding: { name: bindingName(identityClient) } };
  const peer = openAuthPeer(tenant, reconciler.caches);
  if (peer === undefined) {
    return {
      verdicts: waiting('TenantNotReady', `IdentityTenant "${tenantName}" is being set up`),
      status,
      requeueAfter: retryMilliseconds,
    };
  }
  try {
    const answer = await peer.any(
      'PUT',
      registrationPath(identityClient),
      buildClientRegistration(identityClient, tenant, binding.secret),
    );
    if (!answer.ok) {
      const verdicts =
        answer.reason === 'refused'
          ? stalled('RegistrationRefused', `auth refuses this client: ${answer.detail}`)
          : waiting('AuthUnreachable', `auth of "${tenantName}" does not answer (${answer.detail}); it is tried again`);
      return { verdicts, status, requeueAfter: answer.reason === 'refused' ? refreshMilliseconds : retryMilliseconds };
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
      requeueAfter: refreshMilliseconds,
    };
  } finally {
    await peer.close();
  }
};

/** Whether no running auth pod knows the client any more. */
const isDisabledEverywhere = async (
  identityClient: IdentityClient,
  tenant: IdentityTenant,
  caches: TenantCaches,
): Promise<boolean> => {
  // Never registered: there is nothing to disable, and auth may not even run yet.
  if (identityClient.status.registryRevision === undefined) return true;
  const peer = openAuthPeer(tenant, caches);
  if (peer === undefined) return true;
  try {
    const revision = readRevision(await peer.any('DELETE', registrationPath(identityClient)));
    if (revision === undefined) return false;
    const states = await peer.all('/internal/state');
    return states.every(
      (state) => state.ok && (internalStateSchema.safeParse(state.body).data?.clientRegistryRevision ?? -1) >= revision,
    );
  } finally {
    await peer.close();
  }
};

const patchFinalizers = async (
  { metadata }: IdentityClient,
  finalizers: string[],
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<void> => {
  await client.patchMerge(
    { resource: customResources.identityClients, namespace: metadata.namespace, name: metadata.name },
    { metadata: { resourceVersion: metadata.resourceVersion, finalizers } },
    { signal },
  );
};

const finish = async (
  identityClient: IdentityClient,
  { caches, client }: ClientReconciler,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { finalizers } = identityClient.metadata;
  if (!finalizers.includes(clientFinalizer)) return {};
  const tenant = findTenant(identityClient, caches);
  const tenantStays = tenant !== undefined && tenant.metadata.deletionTimestamp === undefined;
  if (tenantStays && !(await isDisabledEverywhere(identityClient, tenant, caches))) return { requeueAfter: 1_000 };
  await patchFinalizers(
    identityClient,
    finalizers.filter((one) => one !== clientFinalizer),
    client,
    signal,
  );
  return {};
};

/** Brings one IdentityClient, `namespace/name`, to its desired state. */
export const reconcileClient = async (
  reconciler: ClientReconciler,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { caches, client, events, now } = reconciler;
  const { namespace, name } = parseObjectKey(key);
  const object = caches.clients.get(namespace, name);
  if (object === undefined) return {};
  const identityClient = identityClientSchema.parse(object);
  const { generation, deletionTimestamp, finalizers } = identityClient.metadata;
  if (deletionTimestamp !== undefined) return finish(identityClient, reconciler, signal);
  if (!finalizers.includes(clientFinalizer)) {
    await patchFinalizers(identityClient, [...finalizers, clientFinalizer], client, signal);
    return {};
  }

  const { verdicts, status, requeueAfter } = await register(identityClient, reconciler, signal);
  const before = identityClient.status.conditions ?? [];
  const next: ClientStatus = {
    ...status,
    observedGeneration: generation,
    conditions: nextConditions(before, verdicts, generation, now()),
  };
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(next)), JSON.parse(JSON.stringify(identityClient.status)))) {
    await client.applyStatus(
      {
        apiVersion,
        kind: 'IdentityClient',
        metadata: { name, namespace: identityClient.metadata.namespace },
        status: next,
      },
      { signal },
    );
    const ready = verdicts.find(({ type }) => type === 'Ready');
    const readyBefore = before.find(({ type }) => type === 'Ready');
    if (ready !== undefined && (ready.status !== readyBefore?.status || ready.reason !== readyBefore.reason)) {
      events.record(object, {
        type: ready.status === 'True' ? 'Normal' : 'Warning',
        reason: ready.reason,
        message: ready.message,
      });
    }
  }
  return { requeueAfter };
};
