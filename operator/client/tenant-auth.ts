import { clientRegistryRevisionSchema } from '../../services/shared/contracts/client-registration.ts';
import { internalStateSchema } from '../../services/shared/contracts/internal-state.ts';
import type { IdentityClient } from '../api/identity-client.ts';
import { type IdentityTenant, identityTenantSchema } from '../api/identity-tenant.ts';
import { objectNames } from '../manifests/object-names.ts';
import { objectKey } from '../runtime/kubernetes-object.ts';
import type { TenantCaches } from '../tenant/caches/tenant-caches.ts';
import { type AuthPeer, createAuthPeer, type PeerAnswer } from './auth-peer.ts';
import { clientIdOf } from './client-registration.ts';

/** The tenant that a client names, unless it is not there or going. */
export const findTenant = (
  { metadata, spec }: Pick<IdentityClient, 'metadata' | 'spec'>,
  caches: TenantCaches,
): IdentityTenant | undefined => {
  const object = caches.tenants.get(metadata.namespace, spec.tenantRef.name);
  return object === undefined || object.metadata.deletionTimestamp !== undefined
    ? undefined
    : identityTenantSchema.parse(object);
};

/** A tenant's message may list much; its start says what it waits for, and the tenant has the rest. */
const maxReasonLength = 300;

/** What a tenant is Stalled for, in short and with the way to the rest; undefined when it is not. */
export const describeStalled = ({
  metadata: { name },
  status: { conditions = [] },
}: Pick<IdentityTenant, 'metadata' | 'status'>): string | undefined => {
  const stalled = conditions.find(({ type, status }) => type === 'Stalled' && status === 'True');
  if (stalled === undefined) return undefined;
  const { reason, message } = stalled;
  const why = message.length > maxReasonLength ? `${message.slice(0, maxReasonLength)}…` : message;
  return `IdentityTenant "${name}" waits for somebody (${reason}: ${why}); mend that, see kubectl describe idt ${name}`;
};

/** auth's ready pods of a tenant; undefined while there is no certificate of the operator's to show to them. */
export const openAuthPeer = (
  { metadata: { name, namespace } }: Pick<IdentityTenant, 'metadata'>,
  caches: TenantCaches,
): AuthPeer | undefined => {
  const identity = caches.secrets.get(namespace, objectNames.identity({ name }, 'operator'))?.entries;
  if (identity === undefined) return undefined;
  const addresses = caches.pods
    .byIndex('tenant', objectKey(namespace, name))
    .filter((pod) => pod.component === 'auth' && pod.ready && !pod.terminating)
    .flatMap(({ address }) => (address === undefined ? [] : [address]));
  return createAuthPeer({ tenant: name, namespace }, identity, addresses);
};

/** Where auth keeps a client. */
export const registrationPath = (client: IdentityClient): string =>
  `/internal/clients/${encodeURIComponent(clientIdOf(client))}`;

/** The registry's revision that a write led to. */
export const readRevision = (answer: PeerAnswer): number | undefined =>
  answer.ok ? clientRegistryRevisionSchema.safeParse(answer.body).data?.revision : undefined;

/** Whether every ready pod of auth serves `revision` of the registry, or a later one. */
export const isServedEverywhere = async (peer: AuthPeer, revision: number): Promise<boolean> => {
  const states = await peer.all('/internal/state');
  return states.every(
    (state) => state.ok && (internalStateSchema.safeParse(state.body).data?.clientRegistryRevision ?? -1) >= revision,
  );
};
