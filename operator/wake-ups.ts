import { isDeepStrictEqual } from 'node:util';
import { identityClientSchema } from './api/identity-client.ts';
import { identityTenantSchema } from './api/identity-tenant.ts';
import { bindingName } from './client/client-registration.ts';
import type { CacheChange } from './runtime/informer-cache.ts';
import { type LiveObject, objectKey } from './runtime/kubernetes-object.ts';
import type { Priority, WorkQueue } from './runtime/work-queue.ts';
import { referencedSecrets } from './tenant/observe.ts';
import { issuerOf, type TenantCaches, tenantKeyOf } from './tenant/tenant-caches.ts';

type Metadata = Pick<LiveObject, 'metadata'>;

const priorityOf = ({ source }: CacheChange<unknown>): Priority => (source === 'watch' ? 'high' : 'low');

/** Keys of the clients of a tenant. */
const clientsOf = (caches: TenantCaches, namespace: string | undefined, tenantName: string): string[] =>
  caches.clients.list(namespace).flatMap((object) => {
    const client = identityClientSchema.safeParse(object).data;
    return client?.spec.tenantRef.name === tenantName ? [objectKey(namespace, client.metadata.name)] : [];
  });

/** Keys of the tenants whose spec names this Secret. */
const tenantsReferring = (caches: TenantCaches, { metadata }: Metadata): string[] =>
  caches.tenants.list(metadata.namespace).flatMap((object) => {
    const tenant = identityTenantSchema.safeParse(object).data;
    if (tenant === undefined || !referencedSecrets(tenant).some(({ name }) => name === metadata.name)) return [];
    return [objectKey(metadata.namespace, tenant.metadata.name)];
  });

/** Keys of the tenants that wait for a stranger's object to go. */
const tenantsDenied = (caches: TenantCaches, { metadata }: Metadata): string[] =>
  caches.tenants.list(metadata.namespace).flatMap((object) => {
    const tenant = identityTenantSchema.safeParse(object).data;
    if (tenant?.status.conditions?.some(({ reason }) => reason === 'NameTaken') !== true) return [];
    return [objectKey(metadata.namespace, tenant.metadata.name)];
  });

/** Keys of the clients whose Secret has this name, be it theirs or a stranger's. */
const clientsBoundTo = (caches: TenantCaches, { metadata }: Metadata): string[] =>
  caches.clients.list(metadata.namespace).flatMap((object) => {
    const client = identityClientSchema.safeParse(object).data;
    if (client === undefined || bindingName(client) !== metadata.name) return [];
    return [objectKey(metadata.namespace, client.metadata.name)];
  });

/** Whether a pod's change concerns who is registered: an auth pod became reachable, or ceased to be. */
const isReachabilityChange = ({
  before,
  after,
}: CacheChange<{ component: string; ready: boolean; address?: string }>): boolean =>
  (before ?? after)?.component === 'auth' && (before?.ready !== after?.ready || before?.address !== after?.address);

/**
 * Wakes the keys that a change concerns, and no other: what we own, what a spec names, and for every tenant the nodes'
 * labels, from which zones are read.
 */
export const connectWakeUps = (caches: TenantCaches, tenants: WorkQueue, clients: WorkQueue): void => {
  caches.tenants.onChange((change) => {
    tenants.add(change.key, priorityOf(change));
    const tenant = change.after ?? change.before;
    if (tenant === undefined || change.type === 'updated') return;
    // One that comes may be elder, as after a restore; one that goes frees its issuer.
    for (const { metadata } of caches.tenants.byIndex('issuer', issuerOf(tenant)))
      tenants.add(objectKey(metadata.namespace, metadata.name), priorityOf(change));
    for (const key of clientsOf(caches, tenant.metadata.namespace, tenant.metadata.name))
      clients.add(key, priorityOf(change));
  });
  caches.clients.onChange((change) => clients.add(change.key, priorityOf(change)));

  const wakeOwner = (change: CacheChange<Metadata>): void => {
    const object = change.after ?? change.before;
    const key = object === undefined ? undefined : tenantKeyOf(object);
    if (key !== undefined) tenants.add(key, priorityOf(change));
  };
  for (const { cache } of caches.owned) cache.onChange(wakeOwner);
  caches.replicaSets.onChange(wakeOwner);

  caches.pods.onChange((change) => {
    wakeOwner(change);
    const key = tenantKeyOf(change.after ?? change.before ?? { metadata: { name: '', uid: '', resourceVersion: '' } });
    if (key === undefined || !isReachabilityChange(change)) return;
    const [namespace, name] = key.split('/');
    for (const client of clientsOf(caches, namespace, name ?? '')) clients.add(client, priorityOf(change));
  });

  caches.secrets.onChange((change) => {
    wakeOwner(change);
    const secret = change.after ?? change.before;
    if (secret === undefined) return;
    for (const key of tenantsReferring(caches, secret)) tenants.add(key, priorityOf(change));
    for (const key of clientsBoundTo(caches, secret)) clients.add(key, priorityOf(change));
    if (change.type !== 'deleted') return;
    for (const key of tenantsDenied(caches, secret)) tenants.add(key, priorityOf(change));
  });

  caches.nodes.onChange(({ before, after }) => {
    if (isDeepStrictEqual(before?.metadata.labels, after?.metadata.labels)) return;
    for (const { metadata } of caches.tenants.list()) tenants.add(objectKey(metadata.namespace, metadata.name), 'low');
  });
};
