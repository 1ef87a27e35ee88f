import { expect, it } from 'vitest';
import { fieldManagers } from '../../api/group.ts';
import { isHeldByCreator } from '../../runtime/field-ownership.ts';
import { createTenantCaches } from './tenant-caches.ts';

const { owned, secrets } = createTenantCaches();
const metadata = {
  name: 'acme',
  namespace: 'shop',
  uid: 'u',
  resourceVersion: '7',
  managedFields: [{ manager: fieldManagers.objects, operation: 'Update', fieldsV1: { 'f:spec': {} } }],
};

it.each(owned)('of a $resource.kind that was only created it is kept that it was', ({ resource, cache }) => {
  cache.upsert({ apiVersion: resource.apiVersion, kind: resource.kind, metadata });
  const kept = cache.get(metadata.namespace, metadata.name);
  expect(kept && isHeldByCreator(kept, fieldManagers.objects)).toBe(true);
});

it('of a Secret too', () => {
  secrets.upsert({ apiVersion: 'v1', kind: 'Secret', metadata });
  const kept = secrets.get(metadata.namespace, metadata.name);
  expect(kept && isHeldByCreator(kept, fieldManagers.objects)).toBe(true);
});
