import type { ISecret } from 'kubernetes-models/v1';
import { expect, it } from 'vitest';
import { apiVersion, tenantFinalizer } from '../api/group.ts';
import type { TenantStatus } from '../api/tenant-status.ts';
import type { RecordedEvent } from '../runtime/event-recorder.ts';
import { KubernetesError } from '../runtime/kubernetes-error.ts';
import type { DesiredObject, LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { now, release } from '../testing/observations.ts';
import { createFieldMutations } from './caches/field-mutations.ts';
import { encodeEntries } from './caches/object-projections.ts';
import { createSettledTenants } from './caches/settled-tenants.ts';
import { createStatusPace } from './caches/status-pace.ts';
import { createTenantCaches } from './caches/tenant-caches.ts';
import { createTenantConfirmation } from './caches/tenant-confirmation.ts';
import { reconcileTenant, type TenantReconciler } from './reconcile-tenant.ts';

const ready = { type: 'Ready', status: 'True', reason: 'AllAvailable', message: '', observedGeneration: 1 } as const;
const tenant = {
  apiVersion,
  kind: 'IdentityTenant',
  metadata: {
    name: 'acme',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '1',
    // The API server counts a deletion as a change.
    generation: 2,
    deletionTimestamp: '2026-01-01T00:00:00Z',
    finalizers: [tenantFinalizer],
  },
  spec: { issuer: 'https://id.acme.example', deletionPolicy: 'Delete' },
  status: { observedGeneration: 1, conditions: [{ ...ready, lastTransitionTime: '2025-12-31T00:00:00Z' }] },
};

it('says of a tenant that cannot be deleted what holds it up', async () => {
  const caches = createTenantCaches();
  caches.tenants.upsert(tenant);
  const refusal = new KubernetesError({
    message: 'DELETE pvc: 403 Forbidden: a policy',
    status: 403,
    reason: 'Forbidden',
  });
  const events: RecordedEvent[] = [];
  let told: TenantStatus | undefined;
  const reconciler = {
    caches,
    client: {
      get: async () => tenant,
      list: () => Promise.reject(refusal),
      applyStatus: async (object: DesiredObject & { readonly status?: TenantStatus }) => {
        told = object.status;
        return object as LiveObject;
      },
    },
    events: { record: (_about: LiveObject, event: RecordedEvent) => void events.push(event) },
    pace: createStatusPace(() => 0),
    now: () => now,
    // As much of what reconciling needs as a deletion uses.
  } as unknown as TenantReconciler;
  await expect(reconcileTenant(reconciler, 'shop/acme', new AbortController().signal)).rejects.toBe(refusal);
  expect(told?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
    'Ready False ReconcileFailed',
    'Reconciling True ReconcileFailed',
  ]);
  expect(events).toEqual([
    expect.objectContaining({ type: 'Warning', message: expect.stringContaining('403 Forbidden: a policy') }),
  ]);
});

it('makes a Secret whose forerunner goes between two requests, however the tenant looks meanwhile', async () => {
  const { deletionTimestamp: _, finalizers: __, ...metadata } = tenant.metadata;
  const caches = createTenantCaches();
  const spec = { issuer: 'https://id.acme.example' };
  let present = { apiVersion, kind: 'IdentityTenant', metadata, spec, status: {} };
  caches.tenants.upsert(present);
  const created: string[] = [];
  const authority = 'acme-internal-ca';
  let isForerunnerThere = true;
  const client = {
    resourceOf: () => builtInResources.secrets,
    get: async ({ name }: { name: string }) => (name === 'acme' ? present : undefined),
    applyStatus: async ({ status = {} }: DesiredObject & { readonly status?: object }) => {
      const resourceVersion = `${Number(present.metadata.resourceVersion) + 1}`;
      present = { ...present, status, metadata: { ...metadata, resourceVersion } };
      caches.tenants.upsert(present);
      return present;
    },
    create: async (object: DesiredObject & Pick<ISecret, 'stringData'>) => {
      const { name = '' } = object.metadata ?? {};
      if (isForerunnerThere && name === authority)
        throw new KubernetesError({ message: 'it is there', status: 409, reason: 'AlreadyExists' });
      created.push(name);
      const data = encodeEntries(object.stringData ?? {});
      const answer = { ...object, data, metadata: { ...object.metadata, uid: name, resourceVersion: '1' } };
      if (object.kind === 'Secret') caches.secrets.remember(answer as LiveObject & ISecret);
      return answer;
    },
  };
  const reconciler = {
    caches,
    client,
    serviceAccountTokens: { current: () => undefined },
    states: { healthOf: () => undefined },
    events: { record: () => undefined },
    release,
    mutations: createFieldMutations(),
    pace: createStatusPace(() => 0),
    settled: createSettledTenants(),
    confirmation: createTenantConfirmation(),
    now: () => now,
  } as unknown as TenantReconciler;
  const pass = () => reconcileTenant(reconciler, 'shop/acme', new AbortController().signal);
  await pass();
  await pass();
  expect(created).not.toContain(authority);
  isForerunnerThere = false;
  await pass();
  expect(created).toContain(authority);
});
