import type { IDeployment } from 'kubernetes-models/apps/v1';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { labels } from '../../operator/api/group.ts';
import { identityTenantSchema } from '../../operator/api/identity-tenant.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { demo, waitForDemo } from '../installation/demo-installation.ts';
import type { IssuerConnection } from '../installation/issuer-connection.ts';
import { openCluster, readCondition, resources, waitFor, waitForCondition } from '../installation/kubernetes.ts';
import { discover, signUpAndIn } from '../installation/relying-party.ts';
import { newPerson, openApplication } from './application.ts';
import { startLoad } from './load.ts';

type Deployment = LiveObject & IDeployment;

// The same image under another version: a later patch of the version that is installed.
const [installed, next] = ['0.1.0', '0.1.1'];
const follower = { resource: resources.identityTenants, namespace: demo.namespace, name: demo.tenant };
const pinned = { resource: resources.identityTenants, namespace: 'pinned', name: 'acme' };
const operator = { resource: resources.deployments, namespace: 'identity-operator', name: 'identity-operator' };

let client: KubernetesClient;
let connection: IssuerConnection | undefined;

beforeAll(async () => {
  client = openCluster(inject('environment').kubeconfigPath);
  await waitForDemo(client, { images: inject('environment').images });
});
afterAll(async () => {
  // Whatever became of the test: the stories after this one begin with the version that was installed.
  await setOperatorVersion(installed);
  await waitForVersion(installed);
  await client.delete(pinned);
  await connection?.close();
  await client?.close();
});

/** What a chart of that version would do, with the image of this one. */
const setOperatorVersion = async (version: string): Promise<void> => {
  const { spec } = (await client.get<Deployment>(operator)) ?? {};
  const containers = spec?.template?.spec?.containers.map((container) => ({
    ...container,
    env: container.env?.map((one) => (one.name === 'SERVICES_VERSION' ? { ...one, value: version } : one)),
  }));
  await client.patchMerge(operator, { spec: { template: { spec: { containers } } } });
};

const waitForVersion = (version: string): Promise<void> =>
  waitFor(`the services of ${version}`, 420_000, async () => {
    const object = await client.get(follower);
    const { status } = identityTenantSchema.parse(object);
    const isThere =
      status.version === version &&
      status.targetVersion === undefined &&
      readCondition(object, 'Ready')?.status === 'True';
    return isThere ? { done: undefined } : { pending: JSON.stringify(readCondition(object, 'Ready')) };
  });

const versionOf = ({ spec }: Deployment) => spec?.template?.metadata?.labels?.[labels.version] ?? '';

/** In which order the Deployments of a namespace change to a version, from now until the test ends it. */
const recordOrder = async (namespace: string) => {
  const before = await client.list<Deployment>(resources.deployments, { namespace });
  const changes: string[] = [];
  const known = new Map(before.items.map((one) => [one.metadata.name, versionOf(one)]));
  const stop = new AbortController();
  const { resourceVersion } = before;
  const options = { namespace, resourceVersion, timeoutSeconds: 1_800, idleTimeoutMs: 1_800_000, signal: stop.signal };
  const recording = (async () => {
    for await (const event of client.watch<Deployment>(resources.deployments, options)) {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') continue;
      const { name } = event.object.metadata;
      const version = versionOf(event.object);
      if (known.get(name) === undefined || known.get(name) === version) continue;
      known.set(name, version);
      changes.push(`${name.slice(demo.tenant.length + 1)} ${version}`);
    }
  })().catch(() => undefined);
  return {
    changes,
    stop: async () => {
      stop.abort();
      await recording;
    },
  };
};

/** What an operator that touches a tenant changes: generations, and which settings and Jobs there are. */
const stateOf = async (namespace: string): Promise<string[]> => {
  const kinds = [
    resources.deployments,
    resources.statefulSets,
    resources.jobs,
    resources.configMaps,
    resources.services,
  ];
  const lists = await Promise.all(kinds.map((kind) => client.list(kind, { namespace })));
  return lists
    .flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.generation ?? ''}`))
    .sort();
};

describe('an upgrade of the operator', () => {
  it('takes the tenants along that follow it, in order and without a failed request, and no other', async () => {
    await client.applyServerSide({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: pinned.namespace } });
    await client.applyServerSide({
      apiVersion: 'identity-operator.io/v1alpha1',
      kind: 'IdentityTenant',
      metadata: { name: pinned.name, namespace: pinned.namespace },
      spec: {
        issuer: 'https://pinned.example',
        version: installed,
        availability: { mode: 'Single' },
        deletionPolicy: 'Delete',
      },
    });
    await waitForCondition(client, pinned, 'Ready', 300_000);
    const untouched = await stateOf(pinned.namespace);

    const opened = await openApplication(client);
    connection = opened.connection;
    const configuration = await discover(connection, opened.application);
    const order = await recordOrder(demo.namespace);
    /** A load is bounded to five minutes, which one way takes at most. */
    const goUnderLoad = async (version: string): Promise<void> => {
      // Of a refresh token each is used once, so that every load begins with one of its own.
      const tokens = await signUpAndIn(opened.connection, configuration, opened.application, newPerson('Grace'));
      const load = startLoad({ connection: opened.connection, configuration, tokens }, 5);
      await setOperatorVersion(version);
      await waitForVersion(version);
      await load.stop();
      expect(load.failures.map(({ what }) => what)).toEqual([]);
      expect(load.successes()).toBeGreaterThan(500);
    };

    await goUnderLoad(next);
    expect(order.changes).toEqual([`token-store ${next}`, `auth ${next}`, `gateway ${next}`]);
    expect(await stateOf(pinned.namespace)).toEqual(untouched);

    await goUnderLoad(installed);
    await order.stop();
    expect(order.changes.slice(3)).toEqual([`gateway ${installed}`, `auth ${installed}`, `token-store ${installed}`]);
  }, 1_200_000);
});
