import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { createDemoCertificates } from '../installation/demo-certificates.ts';
import { openCluster, readCondition, resources, waitFor, waitForCondition } from '../installation/kubernetes.ts';

const namespace = 'missing-secret';
let client: KubernetesClient;

beforeAll(async () => {
  client = openCluster(inject('environment').kubeconfigPath);
  await client.applyServerSide({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});
afterAll(async () => {
  await client?.delete({ resource: resources.namespaces, name: namespace });
  await client?.close();
});

it('a tenant whose Secret is missing says which, in condition and event, and goes on when it comes', async () => {
  const tenant = { resource: resources.identityTenants, namespace, name: 'shop' };
  await client.applyServerSide({
    apiVersion: 'identity-operator.io/v1alpha1',
    kind: 'IdentityTenant',
    metadata: { name: tenant.name, namespace },
    spec: {
      issuer: 'https://shop.localhost:8443',
      deletionPolicy: 'Delete',
      availability: { mode: 'Single' },
      database: { managed: { storage: '1Gi' } },
      gateway: { tls: { secretName: 'shop-tls' } },
    },
  });
  const message = 'Secret "shop-tls" is not there; create it, or name another Secret in spec.gateway.tls.secretName';
  await waitFor('the condition', 10_000, async () => {
    const ready = readCondition(await client.get(tenant), 'Ready');
    return ready?.message === message ? { done: undefined } : { pending: JSON.stringify(ready) };
  });
  expect(readCondition(await client.get(tenant), 'Reconciling')).toMatchObject({
    status: 'True',
    reason: 'SecretNotFound',
  });
  await waitFor('the event', 10_000, async () => {
    const { items } = await client.list<LiveObject & { reason: string; message: string; type: string }>(
      resources.events,
      { namespace },
    );
    const event = items.find(({ reason }) => reason === 'SecretNotFound');
    return event?.message === message && event.type === 'Warning'
      ? { done: undefined }
      : { pending: JSON.stringify(event) };
  });

  // After a minute it is no longer a matter of order: somebody has to act.
  await waitFor('Stalled', 90_000, async () => {
    const object = await client.get(tenant);
    const stalled = readCondition(object, 'Stalled');
    return stalled?.reason === 'SecretNotFound' && readCondition(object, 'Reconciling') === undefined
      ? { done: undefined }
      : { pending: JSON.stringify(stalled) };
  });

  const { certificate, privateKey } = await createDemoCertificates(['shop.localhost']);
  await client.applyServerSide({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: 'shop-tls', namespace },
    data: {
      'tls.crt': Buffer.from(certificate).toString('base64'),
      'tls.key': Buffer.from(privateKey).toString('base64'),
    },
  });
  await waitForCondition(client, tenant, 'Ready', 180_000);
  const told = await waitFor('the event', 10_000, async () => {
    const { items } = await client.list<
      LiveObject & { reason: string; count?: number; involvedObject: { kind: string } }
    >(resources.events, { namespace });
    const ready = items.filter(
      ({ reason, involvedObject }) => reason === 'Ready' && involvedObject.kind === 'IdentityTenant',
    );
    return ready.length > 0 ? { done: ready } : { pending: 'none' };
  });
  expect(told.map(({ count }) => count)).toEqual([1]);
});
