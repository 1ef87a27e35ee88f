import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { staleLists } from '../testing/fault-proxy/fault.ts';
import { startKubeletStandIn } from '../testing/kubelet-stand-in.ts';
import { startTestCluster, type TestCluster } from '../testing/test-cluster.ts';
import { createTenant, type LifeStep, tenantOf } from './traffic/tenant-life.ts';
import { firstWish } from './traffic/wish.ts';
import { buildLedger, type Ledger } from './validate/ledger.ts';
import { settle, writesWhenDone } from './validate/quiet.ts';
import { openWorld, type World } from './world.ts';

const { deployments, secrets } = builtInResources;
const tenants = 'identitytenants';
const ready: LifeStep = { name: 'the tenant', act: async () => undefined, leadsTo: 'ready' };

/** What the suites of this room found, each once more and alone. */
describe('found by the fault suites', () => {
  let cluster: TestCluster;
  let stop: () => Promise<void>;
  const worlds: World[] = [];

  beforeAll(async () => {
    cluster = await startTestCluster();
    const kubelets = await startKubeletStandIn(cluster.client);
    stop = async () => {
      await kubelets.stop();
      await cluster.stop();
    };
  });
  afterEach(async () => {
    for (const world of worlds.splice(0)) await world.remove();
  });
  afterAll(() => stop?.());

  const openReadyWorld = async (namespace: string): Promise<World> => {
    const world = await openWorld(cluster, namespace);
    worlds.push(world);
    await world.start();
    await createTenant(world, firstWish.spec);
    await settle(world, ready);
    return world;
  };

  /**
   * What the operator writes on what it sees: it has come to rest after it asked the API server what the tenant is by now,
   * or wrote without a question.
   */
  const awaitReaction = async (world: World): Promise<Ledger> => {
    const written = () => buildLedger(world.calls());
    const hasAsked = () =>
      world
        .calls()
        .some(({ verb, resource, status }) => verb === 'get' && resource === tenants && status !== undefined);
    await waitUntil(
      'the operator to ask for the tenant, or to write',
      30_000,
      async () => hasAsked() || Object.keys(written()).length > 0,
    );
    await waitUntil('the operator to be idle', 30_000, () => world.current().operator.isIdle());
    return written();
  };

  it('a new leader that knows the new objects of a tenant and its old spec does not take them back', async () => {
    const world = await openReadyWorld('found-rollback');
    const { resourceVersion } = await cluster.client.list(secrets, { namespace: world.namespace });
    await cluster.client.patchMerge(tenantOf(world), { spec: { tokens: { accessTokenTTL: '7m' } } });
    await settle(world, ready);
    await world.kill();
    world.mark();
    // Its watch of tenants is behind all others, as after a failover any watch may be.
    await world.start((proxy) => {
      proxy.plan = staleLists(resourceVersion, ({ resource }) => resource === tenants);
      proxy.watches.lag = Number.POSITIVE_INFINITY;
    });
    expect(await awaitReaction(world)).toEqual({});
    world.current().proxy.watches.open();
    expect(await writesWhenDone(world, ready)).toEqual([]);
    expect(buildLedger(world.calls())).toEqual({});
  });

  it('nothing is made anew for a tenant of whose deletion nobody has told', async () => {
    const world = await openReadyWorld('found-revival');
    world.current().proxy.watches.drop = ({ resource }) => resource === tenants;
    await cluster.client.delete(tenantOf(world));
    world.mark();
    // As garbage collection does at once.
    await cluster.client.delete({ resource: deployments, namespace: world.namespace, name: 'acme-auth' });
    expect(await awaitReaction(world)).toEqual({});
  });
});
