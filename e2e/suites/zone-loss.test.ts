import type { IEvent, IPod } from 'kubernetes-models/v1';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { identityTenantSchema } from '../../operator/api/identity-tenant.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { findCluster, killZone, startZone } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/driver.ts';
import { demo, waitForDemo } from '../installation/demo-installation.ts';
import type { IssuerConnection } from '../installation/issuer-connection.ts';
import { openCluster, readCondition, resources, waitFor } from '../installation/kubernetes.ts';
import { discover, signUpAndIn } from '../installation/relying-party.ts';
import { callServiceA, newPerson, openApplication } from './application.ts';
import { startLoad } from './load.ts';

let client: KubernetesClient;
let connection: IssuerConnection;
let cluster: Cluster;

beforeAll(async () => {
  const { clusterName, kubeconfigPath, images } = inject('environment');
  const found = await findCluster(clusterName);
  if (found === undefined) throw new Error('no cluster');
  cluster = found;
  client = openCluster(kubeconfigPath);
  await waitForDemo(client, { images });
});
afterAll(async () => {
  await connection?.close();
  await client?.close();
});

const readyPods = async (component: string) => {
  const { items } = await client.list<LiveObject & IPod>(resources.pods, {
    namespace: demo.namespace,
    labelSelector: `app.kubernetes.io/instance=${demo.tenant},app.kubernetes.io/component=${component}`,
  });
  return items.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined &&
      status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
  );
};

/** Reasons of the events that tell of zones. */
const zoneEvents = async (): Promise<string[]> => {
  const { items } = await client.list<LiveObject & IEvent>(resources.events, { namespace: demo.namespace });
  const reasons = items.flatMap(({ reason = '' }) => (/^Zone|^Rebalanced$/.test(reason) ? [reason] : []));
  return [...new Set(reasons)].sort();
};

/** Whether the control plane has noticed: no endpoint of the gateway is in the dead zone any more. */
const isNoticed = async (): Promise<boolean> =>
  (await readyPods('gateway')).every(
    ({ spec }) => spec?.nodeName !== cluster.nodes.find(({ zone }) => zone === 'zone-3')?.name,
  );

it('a zone that loses its power is got over, and its return too', { timeout: 660_000 }, async () => {
  const opened = await openApplication(client);
  connection = opened.connection;
  const configuration = await discover(connection, opened.application);
  const signInAgain = () => signUpAndIn(opened.connection, configuration, opened.application, newPerson('Ada'));
  const tokens = await signInAgain();
  const load = startLoad({ connection, configuration, tokens, signInAgain }, 5);

  expect(await killZone(cluster, 3)).toEqual({ ok: true });
  // The bound of the design: partial errors for less than 70 s (40 s here, where a node is given up after 16 s).
  await waitFor('the customers to notice nothing any more', 70_000, async () =>
    (await isNoticed()) && load.quietFor() > 10_000
      ? { done: undefined }
      : { pending: `${load.failures.length} failures, the last ${Math.round(load.quietFor())} ms ago` },
  );
  await waitFor('replacements in the other zones', 120_000, async () => {
    const counts = await Promise.all(
      ['gateway', 'auth', 'token-store'].map(async (component) => (await readyPods(component)).length),
    );
    return counts.every((count) => count >= 3) ? { done: undefined } : { pending: counts.join(', ') };
  });
  const tenant = { resource: resources.identityTenants, namespace: demo.namespace, name: demo.tenant };
  await waitFor('the status to tell it', 30_000, async () => {
    const { status } = identityTenantSchema.parse(await client.get(tenant));
    return status.zones === '2/3' ? { done: undefined } : { pending: `zones ${status.zones}` };
  });

  expect(await startZone(cluster, 3)).toEqual({ ok: true });
  // Kubernetes never moves a pod that runs: the operator does, one after the other, each when the last has gone for good.
  await waitFor('every service in three zones again', 300_000, async () => {
    const object = await client.get(tenant);
    const { status } = identityTenantSchema.parse(object);
    const { reason, message } = readCondition(object, 'ZoneRedundant') ?? {};
    return status.zones === '3/3' && reason === 'Spread'
      ? { done: undefined }
      : { pending: `zones ${status.zones}, ${reason}: ${message}` };
  });
  await waitFor('events that tell of it', 20_000, async () => {
    const reasons = await zoneEvents();
    return ['Rebalanced', 'ZoneLost', 'ZoneRestored'].every((reason) => reasons.includes(reason))
      ? { done: undefined }
      : { pending: reasons.join(', ') };
  });
  await waitForDemo(client, { images: inject('environment').images });
  await load.stop();
  // Errors there may be; a client that was told its token is no good would be signed out.
  expect(load.failures.filter(({ what }) => what.includes('invalid_grant'))).toEqual([]);
  expect((await callServiceA(connection, tokens.access_token)).status).toBe(200);
});
