import type { IPod, ISecret } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { apiVersion, labels, managedByValue } from '../api/group.ts';
import type { ClientStatus } from '../api/identity-client.ts';
import type { TenantStatus } from '../api/tenant-status.ts';
import type { RecordedEvent } from '../runtime/event-recorder.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { KubernetesError } from '../runtime/kubernetes-error.ts';
import type { DesiredObject, LiveObject, OwnerReference } from '../runtime/kubernetes-object.ts';
import { silentLog } from '../runtime/testing/silent-log.ts';
import { encodeEntries } from '../tenant/caches/object-projections.ts';
import { createTenantCaches } from '../tenant/caches/tenant-caches.ts';
import { reconcileClient } from './reconcile-client.ts';

const live = (kind: string, name: string, content: Record<string, unknown> = {}): LiveObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'shop', uid: `uid of ${name}`, resourceVersion: '1', generation: 1 },
  ...content,
});

const tenant = live('IdentityTenant', 'acme', { spec: { issuer: 'https://id.acme.example' } });
const spec = { tenantRef: { name: 'acme' }, redirectURIs: ['https://www.acme.example/callback'] };

const ownedBy = (uid: string): OwnerReference => ({ apiVersion, kind: 'IdentityClient', name: 'app', uid });
const binding = (metadata: Partial<LiveObject['metadata']>): LiveObject & Pick<ISecret, 'data'> => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'app-oidc', namespace: 'shop', uid: 'secret', resourceVersion: '7', ...metadata },
  data: encodeEntries({
    type: 'oauth2',
    provider: 'identity-operator',
    issuer: 'https://id.acme.example',
    'client-id': 'app',
    'client-secret': 's3cret',
  }),
});
const ours = {
  [labels.managedBy]: managedByValue,
  [labels.instance]: 'acme',
  [labels.component]: 'client',
};

const authPod = (podIP: string): LiveObject & IPod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `auth-${podIP}`,
    namespace: 'shop',
    uid: podIP,
    resourceVersion: '1',
    labels: { ...ours, [labels.component]: 'auth' },
  },
  status: { podIP, conditions: [{ type: 'Ready', status: 'True' }] },
});
const operatorIdentity: LiveObject & ISecret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'acme-operator-identity', namespace: 'shop', uid: 'identity', resourceVersion: '1' },
  data: {},
};

/** One pass over the client `app`, with what the API server has and answers. */
const pass = async ({
  present,
  refusal,
  status = {},
  tenantStatus = {},
  pods = [],
}: {
  readonly present?: LiveObject;
  readonly refusal?: Error;
  readonly status?: ClientStatus;
  readonly tenantStatus?: TenantStatus;
  /** Addresses of auth's pods, which the operator may ask: it has a certificate. */
  readonly pods?: readonly string[];
}) => {
  const caches = createTenantCaches();
  caches.tenants.upsert({ ...tenant, ...{ status: tenantStatus } });
  for (const address of pods) {
    caches.pods.upsert(authPod(address));
    caches.secrets.upsert(operatorIdentity);
  }
  caches.clients.upsert(live('IdentityClient', 'app', { spec, status }));
  const patches: unknown[] = [];
  const events: RecordedEvent[] = [];
  let told: ClientStatus | undefined;
  const answer = async (object: DesiredObject): Promise<LiveObject> =>
    ({ ...live(object.kind, 'app'), ...object }) as LiveObject;
  const client = {
    get: async () => present,
    create: (object: DesiredObject) => (refusal === undefined ? answer(object) : Promise.reject(refusal)),
    patchMerge: async (_reference: unknown, patch: unknown) => {
      patches.push(patch);
      return present;
    },
    applyStatus: async (object: DesiredObject & { readonly status?: ClientStatus }) => {
      told = object.status;
      return answer(object);
    },
    // As much of the client as a pass uses that reaches no pod.
  } as unknown as KubernetesClient;
  const result = await reconcileClient(
    {
      caches,
      client,
      events: { record: (_about, event) => void events.push(event), flush: async () => undefined },
      now: () => new Date(0),
      log: silentLog,
    },
    'shop/app',
    new AbortController().signal,
  ).catch((error: unknown) => error);
  const conditions = told?.conditions?.map(({ type, reason }) => `${type} ${reason}`);
  return { result, conditions, message: told?.conditions?.[0]?.message, patches, events };
};

describe('the Secret of a client', () => {
  it('of a deleted client of this name is waited for: it is nobody’s fault', async () => {
    const { conditions, result } = await pass({ present: binding({ ownerReferences: [ownedBy('an earlier one')] }) });
    expect(conditions).toEqual(['Ready Waiting', 'Reconciling Waiting']);
    expect(result).toEqual({ requeueAfter: 1_000 });
  });

  it('of anybody else is taken', async () => {
    const { conditions } = await pass({ present: binding({}) });
    expect(conditions).toEqual(['Ready NameTaken', 'Stalled NameTaken']);
  });

  it('gets its labels back, and keeps its content', async () => {
    const damaged = { ...ours, [labels.instance]: 'other', theirs: 'stays' };
    const { patches } = await pass({
      present: binding({ ownerReferences: [ownedBy('uid of app')], labels: damaged }),
    });
    expect(patches).toEqual([expect.objectContaining({ metadata: { resourceVersion: '7', labels: ours } })]);
    const whole = await pass({ present: binding({ ownerReferences: [ownedBy('uid of app')], labels: ours }) });
    expect([whole.patches, whole.conditions?.[0]]).toEqual([[], 'Ready TenantNotReady']);
  });
});

describe('a client whose tenant does not answer', () => {
  const present = binding({ ownerReferences: [ownedBy('uid of app')], labels: ours });
  const message = `Secret "db" is not there; ${'create it, '.repeat(100)}`;
  const tenantStatus: TenantStatus = {
    conditions: [
      {
        type: 'Stalled',
        status: 'True',
        reason: 'SecretNotFound',
        message,
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  };

  it('is told in short what a Stalled tenant waits for, and where to read the rest', async () => {
    const { conditions, message: told, result } = await pass({ present, tenantStatus });
    expect(conditions).toEqual(['Ready TenantStalled', 'Reconciling TenantStalled']);
    expect(told).toMatch(
      /^IdentityTenant "acme" waits for somebody \(SecretNotFound: Secret "db" is not there; .*…\); mend that, see kubectl describe idt acme; /,
    );
    expect(told?.length).toBeLessThan(500);
    expect(result).toEqual({ requeueAfter: 60_000 });
  });

  it('is told of a Stalled tenant also when pods of auth are there and silent', async () => {
    // Nothing listens there, on loopback.
    const { conditions, result } = await pass({ present, tenantStatus, pods: ['127.0.0.1'] });
    expect(conditions?.[0]).toBe('Ready TenantStalled');
    expect(result).toEqual({ backOff: true });
  });

  it('comes back later each time that no pod takes the connection', async () => {
    const { conditions, result } = await pass({ present, pods: ['127.0.0.1'] });
    expect(conditions).toEqual(['Ready AuthUnreachable', 'Reconciling AuthUnreachable']);
    expect(result).toEqual({ backOff: true });
  });
});

describe('a pass that fails', () => {
  const refusal = new KubernetesError({ message: 'POST secrets: 403 Forbidden', status: 403, reason: 'Forbidden' });

  it('is told, with an event, and is tried again', async () => {
    const { result, conditions, message, events } = await pass({ refusal });
    expect(result).toBe(refusal);
    expect(conditions).toEqual(['Ready ReconcileFailed', 'Reconciling ReconcileFailed']);
    expect(message).toBe('the last pass failed, and is tried again: POST secrets: 403 Forbidden');
    expect(events).toEqual([expect.objectContaining({ type: 'Warning', reason: 'ReconcileFailed' })]);
  });

  it('leaves a client registered that auth knows as it is', async () => {
    const ready = { type: 'Ready', status: 'True', reason: 'Registered', message: '', observedGeneration: 1 } as const;
    const status = { observedGeneration: 1, conditions: [{ ...ready, lastTransitionTime: '2026-01-01T00:00:00Z' }] };
    const { result, conditions } = await pass({ refusal, status });
    expect([result, conditions]).toEqual([refusal, undefined]);
  });
});
