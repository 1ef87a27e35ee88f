import { expect, it } from 'vitest';
import { labels, tenantFinalizer } from '../api/group.ts';
import { KubernetesError } from '../runtime/kubernetes-error.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources, createResourceLookup } from '../runtime/resource-kind.ts';
import { buildTenant } from '../testing/tenants.ts';
import { customResources } from './custom-resources.ts';
import { finishDeletion } from './deletion.ts';

const { secrets, statefulSets, persistentVolumeClaims } = builtInResources;

const tenant = buildTenant({ deletionPolicy: 'Delete' }, { finalizers: [tenantFinalizer], resourceVersion: '1' });
const { uid } = tenant.metadata;

const database: LiveObject = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: {
    name: 'acme-database',
    uid: 'database',
    resourceVersion: '1',
    ownerReferences: [{ apiVersion: 'identity-operator.io/v1alpha1', kind: 'IdentityTenant', name: 'acme', uid }],
  },
};
const retained = (kind: string, name: string): LiveObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, uid: name, resourceVersion: '1', labels: { [labels.tenantUid]: uid } },
});
const claim = retained('PersistentVolumeClaim', 'data-acme-database-0');

/** The little of an API server that a deletion speaks to; each object by its kind's plural and its name. */
const openServer = (...objects: readonly LiveObject[]) => {
  const lookup = createResourceLookup(Object.values(customResources));
  const stored = new Map<string, LiveObject>();
  const put = (object: LiveObject) => stored.set(`${lookup(object).plural}/${object.metadata.name}`, object);
  for (const object of objects) put(object);
  let released = false;
  const client: Parameters<typeof finishDeletion>[1] = {
    resourceOf: lookup,
    // The parse boundary of a stand-in: whoever asks knows the kind that it asks for.
    get: async <T extends LiveObject>({ resource, name }: { resource: { plural: string }; name: string }) =>
      stored.get(`${resource.plural}/${name}`) as T | undefined,
    list: async <T extends LiveObject>({ plural }: { plural: string }) => ({
      items: [...stored].filter(([key]) => key.startsWith(`${plural}/`)).map(([, object]) => object as T),
      resourceVersion: '1',
    }),
    delete: async ({ resource, name }, { preconditions } = {}) => {
      const key = `${resource.plural}/${name}`;
      if (preconditions?.uid !== stored.get(key)?.metadata.uid)
        throw new KubernetesError({ message: 'the UID in the precondition', status: 409, reason: 'Conflict' });
      return stored.delete(key);
    },
    patchMerge: async <T extends LiveObject>() => {
      released = true;
      return database as T;
    },
  };
  const names = ({ plural }: { plural: string }) => [...stored.keys()].filter((key) => key.startsWith(`${plural}/`));
  return { client, put, names, isReleased: () => released };
};

const pass = (client: Parameters<typeof finishDeletion>[1]) =>
  finishDeletion(tenant, client, new AbortController().signal);

it('lets a tenant go only when nothing of it is found any more', async () => {
  const server = openServer(database, claim, retained('Secret', 'acme-signing-keys'));
  expect(await pass(server.client)).toEqual({ requeueAfter: 1_000 });
  expect([...server.names(statefulSets), ...server.names(persistentVolumeClaims), ...server.names(secrets)]).toEqual(
    [],
  );
  expect(server.isReleased()).toBe(false);

  expect(await pass(server.client)).toEqual({});
  expect(server.isReleased()).toBe(true);
});

it('deletes a claim that the controller of StatefulSets made once more', async () => {
  const server = openServer(database, claim);
  await pass(server.client);
  server.put(claim);
  expect(await pass(server.client)).toEqual({ requeueAfter: 1_000 });
  expect(server.names(persistentVolumeClaims)).toEqual([]);
  expect(server.isReleased()).toBe(false);

  await pass(server.client);
  expect(server.isReleased()).toBe(true);
});

it('leaves what somebody has made by a name of ours since it was listed', async () => {
  const keys = retained('Secret', 'acme-signing-keys');
  const server = openServer(keys);
  const theirs = { ...keys, metadata: { name: keys.metadata.name, uid: 'theirs', resourceVersion: '2' } };
  server.put(theirs);
  const stale: Parameters<typeof finishDeletion>[1] = {
    ...server.client,
    // As above: who asks knows the kind.
    list: async <T extends LiveObject>({ plural }: { plural: string }) => ({
      items: plural === secrets.plural ? [keys as LiveObject as T] : [],
      resourceVersion: '1',
    }),
  };
  await expect(pass(stale)).rejects.toThrow('the UID in the precondition');
  expect(server.names(secrets)).toEqual(['secrets/acme-signing-keys']);
  expect(server.isReleased()).toBe(false);
});
