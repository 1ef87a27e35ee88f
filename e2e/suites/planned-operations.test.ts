import type { ILease } from 'kubernetes-models/coordination.k8s.io/v1';
import type { IConfigMap } from 'kubernetes-models/v1';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { identityTenantSchema } from '../../operator/api/identity-tenant.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { createBrowser } from '../../services/auth/testing/browser.ts';
import { demo, waitForDemo } from '../installation/demo-installation.ts';
import { createIssuerConnection, type IssuerConnection } from '../installation/issuer-connection.ts';
import { openCluster, readCondition, resources, waitFor } from '../installation/kubernetes.ts';
import { discover, signUpAndIn, startAuthorization } from '../installation/relying-party.ts';
import { callServiceA, newPerson, openApplication } from './application.ts';
import { startLoad } from './load.ts';

let client: KubernetesClient;
let connection: IssuerConnection;
const tenant = { resource: resources.identityTenants, namespace: demo.namespace, name: demo.tenant };

beforeAll(async () => {
  client = openCluster(inject('environment').kubeconfigPath);
  await waitForDemo(client, { images: inject('environment').images });
});
afterAll(async () => {
  await connection?.close();
  await client?.close();
});

/** The identity of the operator that leads: its pod's name first. */
const readLeader = async (): Promise<string> => {
  const lease = await client.get<LiveObject & ILease>({
    resource: resources.leases,
    namespace: 'identity-operator',
    name: 'identity-operator',
  });
  return lease?.spec?.holderIdentity ?? '';
};

it('a rollout of all three services at once loses no request', async () => {
  const opened = await openApplication(client);
  connection = opened.connection;
  const configuration = await discover(connection, opened.application);
  const tokens = await signUpAndIn(connection, configuration, opened.application, newPerson('Ada'));
  // Services A, B and C fetch the issuer's keys at their first request: that is no part of a rollout.
  await waitFor('the services to know the keys', 60_000, async () => {
    const { ca, gatewayPort } = inject('environment');
    for (let call = 1; call <= 12; call += 1) {
      const fresh = createIssuerConnection(ca, gatewayPort);
      const { status } = await callServiceA(fresh, tokens.access_token).finally(() => fresh.close());
      if (status !== 200) return { pending: `call ${call}: ${status}` };
    }
    return { done: undefined };
  });
  const load = startLoad({ connection, configuration, tokens }, 5);

  // Other values than those of now, also on a cluster that was kept from the last run.
  const { spec } = identityTenantSchema.parse(await client.get(tenant));
  const [idTokenTTL, drainTimeout, cpu] =
    spec.tokens.idTokenTTL === '11m' ? ['12m', '25s', '95m'] : ['11m', '20s', '90m'];
  const { metadata } = await client.patchMerge(tenant, {
    spec: {
      tokens: { idTokenTTL },
      gateway: { drainTimeout },
      tokenStore: { resources: { requests: { cpu, memory: '128Mi' }, limits: { memory: '384Mi' } } },
    },
  });
  await waitFor('the new revision everywhere', 240_000, async () => {
    const object = await client.get(tenant);
    const { status } = identityTenantSchema.parse(object);
    const current =
      status.observedGeneration === metadata.generation && readCondition(object, 'Ready')?.status === 'True';
    return current ? { done: undefined } : { pending: JSON.stringify(readCondition(object, 'Ready')) };
  });
  // The pods of before drain for a while after the new ones are all available.
  await waitFor('the end of the old pods', 120_000, async () => {
    const { items } = await client.list(resources.pods, {
      namespace: demo.namespace,
      labelSelector: `app.kubernetes.io/instance=${demo.tenant},app.kubernetes.io/managed-by=identity-operator`,
    });
    const going = items.filter(({ metadata: pod }) => pod.deletionTimestamp !== undefined);
    return going.length === 0 ? { done: undefined } : { pending: `${going.length} pods are ending` };
  });
  await load.stop();
  // For whoever reads the log: a slow machine makes them slow, so that no bound of them can be held here.
  console.log(load.slowest().join('\n'));
  expect(load.failures.map(({ what }) => what)).toEqual([]);
  expect(load.successes()).toBeGreaterThan(500);
});

it('when the leading operator is killed, the other one goes on', async () => {
  const leader = await readLeader();
  const [pod = ''] = leader.split('_');
  await client.delete(
    { resource: resources.pods, namespace: 'identity-operator', name: pod },
    { gracePeriodSeconds: 0 },
  );

  // The standby leads within 9.2 s of the other's death, which the kubelet may be a moment late with.
  await waitFor('the standby to lead', 20_000, async () => {
    const holder = await readLeader();
    return holder !== leader && holder !== '' ? { done: undefined } : { pending: holder };
  });
  await client.patchMerge(tenant, { spec: { auth: { branding: { name: 'Acme after all' } } } });
  await waitFor('the change to reach the pages', 20_000, async () => {
    const settings = await client.get<LiveObject & IConfigMap>({
      resource: resources.configMaps,
      namespace: demo.namespace,
      name: `${demo.tenant}-auth-live`,
    });
    const live = settings?.data?.['live.json'] ?? '';
    return live.includes('Acme after all') ? { done: undefined } : { pending: live };
  });
  // Seen by customers without any pod starting anew.
  const opened = await openApplication(client);
  const configuration = await discover(opened.connection, opened.application);
  const { url } = await startAuthorization(configuration, opened.application.redirectUri, 'openid');
  await waitFor('the new name on the sign-in page', 60_000, async () => {
    const page = await createBrowser(demo.issuer, (address, init) =>
      opened.connection.fetch(address, { ...init, redirect: 'manual' }),
    ).open(url);
    return page.html.includes('Acme after all') ? { done: undefined } : { pending: page.html.slice(0, 300) };
  });
  await opened.connection.close();
});
