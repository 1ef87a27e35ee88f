import { isDeepStrictEqual } from 'node:util';
import type { CacheChange } from './runtime/informer-cache.ts';
import { type LiveObject, objectKey, parseObjectKey } from './runtime/kubernetes-object.ts';
import { isSameContent } from './runtime/packed-object.ts';
import type { Priority, WorkQueue } from './runtime/work-queue.ts';
import {
  issuerOf,
  referenceTerm,
  stalledReasonOf,
  type TenantCaches,
  tenantKeyOf,
  tenantKeysOf,
  type VersionedKind,
} from './tenant/caches/tenant-caches.ts';

type Metadata = Pick<LiveObject, 'metadata'>;

const priorityOf = ({ source }: CacheChange<unknown>): Priority => (source === 'watch' ? 'normal' : 'low');

/** What a user, not a controller, changes of metadata; the generation stands for the spec. */
const wantedOf = ({ metadata: { generation, deletionTimestamp, labels, annotations } }: Metadata): unknown => ({
  generation,
  deletionTimestamp,
  labels,
  annotations,
});

/**
 * How soon a change of a tenant or client is looked at. Whoever changes one that is there waits for it; new ones may come
 * by the hundred. A status that alone has changed is as a rule what was just written here: that must not take a key that
 * failed out of its backoff, or its report of the failure would begin the next try.
 */
const priorityOfWish = (change: CacheChange<Metadata>): Priority => {
  const { source, before, after } = change;
  if (source === 'list' || before === undefined || after === undefined) return priorityOf(change);
  if (!isDeepStrictEqual(wantedOf(before), wantedOf(after))) return 'urgent';
  const isStatusAlone = isDeepStrictEqual(before.metadata.finalizers, after.metadata.finalizers);
  return isStatusAlone ? 'low' : 'normal';
};

/** As {@link priorityOf}, for what hardly anybody but a user changes once it is there. */
const priorityOfOwn = (change: CacheChange<unknown>, type: 'updated' | 'deleted'): Priority =>
  change.source === 'watch' && change.type === type ? 'urgent' : priorityOf(change);

const keyOf = ({ metadata }: Metadata): string => objectKey(metadata.namespace, metadata.name);

/** Whether a change is one of what is read: an autoscaler reports the load of its pods every 15 s, which wakes nobody. */
const isNews = ({ type, before, after }: CacheChange<Metadata>): boolean =>
  type !== 'updated' || before === undefined || after === undefined || !isSameContent(before, after);

/** Whether a pod's change concerns who is registered: an auth pod became reachable, or ceased to be. */
const isReachabilityChange = ({
  before,
  after,
}: CacheChange<{ component: string; ready: boolean; address?: string }>): boolean =>
  (before ?? after)?.component === 'auth' && (before?.ready !== after?.ready || before?.address !== after?.address);

/** Whether a tenant that is there has become another one for its clients: it goes, or waits for somebody, or no more. */
const isTurn = ({ before, after }: CacheChange<LiveObject>): boolean =>
  before !== undefined &&
  after !== undefined &&
  (before.metadata.deletionTimestamp !== after.metadata.deletionTimestamp ||
    stalledReasonOf(before) !== stalledReasonOf(after));

/**
 * Wakes the keys that a change concerns, and no other: what we own, what a spec names, and for every tenant the nodes,
 * as far as their zones and their readiness go, and which kinds are served. Whom it concerns comes out of indexes, so that a change of one of ten thousand
 * Secrets costs a look-up.
 */
export const connectWakeUps = (caches: TenantCaches, tenants: WorkQueue, clients: WorkQueue): void => {
  const wakeClientsOf = (tenantKey: string, priority: Priority): void => {
    for (const client of caches.clients.byIndex('tenant', tenantKey)) clients.add(keyOf(client), priority);
  };

  caches.tenants.onChange((change) => {
    tenants.add(change.key, priorityOfWish(change));
    if (isTurn(change)) wakeClientsOf(change.key, priorityOf(change));
    const tenant = change.after ?? change.before;
    if (tenant === undefined || change.type === 'updated') return;
    // One that comes may be elder, as after a restore; one that goes frees its issuer.
    for (const other of caches.tenants.byIndex('issuer', issuerOf(tenant)))
      tenants.add(keyOf(other), priorityOf(change));
    wakeClientsOf(change.key, priorityOf(change));
  });
  caches.clients.onChange((change) => clients.add(change.key, priorityOfWish(change)));

  const wakeOwner = (change: CacheChange<Metadata>, priority = priorityOf(change)): void => {
    if (!isNews(change)) return;
    // Whose it was, too: labels that somebody changed lead elsewhere.
    const keys = [change.before, change.after].flatMap((object) => (object === undefined ? [] : tenantKeysOf(object)));
    for (const key of new Set(keys)) tenants.add(key, priority);
  };
  for (const { cache } of caches.owned) {
    cache.onChange((change) => wakeOwner(change, priorityOfOwn(change, 'deleted')));
  }
  caches.secrets.onChange((change) => wakeOwner(change, priorityOfOwn(change, 'deleted')));
  caches.replicaSets.onChange((change) => wakeOwner(change));

  caches.pods.onChange((change) => {
    wakeOwner(change);
    const key = tenantKeyOf(change.after ?? change.before ?? { metadata: { name: '', uid: '', resourceVersion: '' } });
    if (key !== undefined && isReachabilityChange(change)) wakeClientsOf(key, priorityOf(change));
  });

  /** Whoever names an object of this kind, or waits for its name to become free. */
  const wakeConcerned = (kind: VersionedKind, change: CacheChange<unknown>): void => {
    const priority = priorityOfOwn(change, 'updated');
    // Of a Service nothing is read but that it is there.
    if (kind !== 'Service' || change.type !== 'updated') {
      for (const tenant of caches.tenants.byIndex('reference', referenceTerm(kind, change.key)))
        tenants.add(keyOf(tenant), priority);
    }
    if (kind === 'Secret') {
      for (const client of caches.clients.byIndex('binding', change.key)) clients.add(keyOf(client), priority);
    }
    if (change.type !== 'deleted') return;
    const { namespace = '' } = parseObjectKey(change.key);
    for (const tenant of caches.tenants.byIndex('denied', namespace)) tenants.add(keyOf(tenant), priority);
  };
  for (const { kind, cache } of caches.versions) cache.onChange((change) => wakeConcerned(kind, change));
  // What is named may be ours by its label, too: a Secret of a client, or one that somebody labelled so.
  caches.secrets.onChange((change) => wakeConcerned('Secret', change));
  for (const { resource, cache } of caches.owned) {
    const { kind } = resource;
    if (kind === 'ConfigMap' || kind === 'Service') cache.onChange((change) => wakeConcerned(kind, change));
  }

  const wakeAll = (): void => {
    for (const tenant of caches.tenants.list()) tenants.add(keyOf(tenant), 'low');
  };
  caches.onAvailability(wakeAll);
  caches.nodes.onChange(({ before, after }) => {
    if (!isDeepStrictEqual(before, after)) wakeAll();
  });
};
