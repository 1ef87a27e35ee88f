import { waitUntil } from '../../e2e/cluster/wait.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { customResources } from '../tenant/custom-resources.ts';
import type { OperatorRelease } from '../tenant/operator-release.ts';
import { type FaultProxy, type RecordedCall, startFaultProxy } from '../testing/fault-proxy.ts';
import { type RunningOperator, startOperator } from '../testing/running-operator.ts';
import type { TestCluster } from '../testing/test-cluster.ts';

/** One life of the operator's process, behind a proxy of its own. */
export type Incarnation = { readonly operator: RunningOperator; readonly proxy: FaultProxy };

/** One namespace with an operator that sees nothing else: worlds side by side do not disturb each other. */
export type World = {
  readonly namespace: string;
  readonly cluster: TestCluster;
  /** Whether an operator runs: between two incarnations none does. */
  readonly isRunning: () => boolean;
  /** The operator that runs. Throws when none does: one that has lost its Lease is replaced, which takes a moment. */
  readonly current: () => Incarnation;
  /** The operator that runs, as soon as one does. */
  readonly present: () => Promise<Incarnation>;
  /**
   * Starts the next incarnation and waits until it leads; what ran before is killed.
   * @param prepare sets faults before the first call.
   */
  readonly start: (prepare?: (proxy: FaultProxy) => void) => Promise<Incarnation>;
  /** Of which release incarnations are from the next on. */
  readonly adopt: (release: OperatorRelease) => void;
  /** Kills the operator: from then on the API server hears nothing of it. */
  readonly kill: () => Promise<void>;
  /** Takes the calls of a proxy in that something else speaks through. */
  readonly watch: (proxy: FaultProxy) => void;
  /** Forgets all calls so far. */
  readonly mark: () => void;
  /** Calls of all incarnations since the last mark. */
  readonly calls: () => readonly RecordedCall[];
  /** Ends the operator and deletes the namespace, without waiting until it is gone. */
  readonly remove: () => Promise<void>;
};

/** The Lease of the operators of a world. */
export const leaseOf = (namespace: string) => ({
  resource: builtInResources.leases,
  namespace,
  name: 'identity-operator',
});

type OperatorSettings = Pick<NonNullable<Parameters<typeof startOperator>[3]>, 'maxRollingTenants'>;

/**
 * Makes the namespace. No operator runs there yet.
 * @param settings of every incarnation.
 */
export const openWorld = async (
  cluster: TestCluster,
  namespace: string,
  settings: OperatorSettings = {},
): Promise<World> => {
  await cluster.createNamespace(namespace);
  let number = 0;
  let release: OperatorRelease | undefined;
  let running: Incarnation | undefined;
  let seen: { readonly proxy: FaultProxy; readonly from: number }[] = [];

  const kill = async (): Promise<void> => {
    if (running === undefined) return;
    const { proxy, operator } = running;
    running = undefined;
    await proxy.close();
    // What it does now reaches nobody; it only has to leave this process.
    await operator.stop().catch(() => undefined);
    // A dead leader's lease runs out after seconds, of which a thousand crashes would wait for each.
    await cluster.client.delete(leaseOf(namespace));
  };

  /** As a kubelet does: on a busy machine a lease may be lost, and the process ends. What was planned for it stays. */
  const reviveWhenLost = (lost: Incarnation): void => {
    lost.operator.ended
      .then(async (result) => {
        if (result !== 'lost' || running !== lost) return;
        await inTurn(async () => {
          if (running !== lost) return;
          await replace((proxy) => {
            proxy.plan = lost.proxy.plan;
            proxy.watches.lag = lost.proxy.watches.lag;
            proxy.watches.drop = lost.proxy.watches.drop;
          });
        });
      })
      .catch(() => undefined);
  };

  let last: Promise<unknown> = Promise.resolve();
  /** One that is started while another is would run beside it, unseen. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };

  const replace: World['start'] = async (prepare) => {
    await kill();
    number += 1;
    const proxy = await startFaultProxy({ kubeconfig: cluster.plane.kubeconfig, namespace });
    seen.push({ proxy, from: 0 });
    prepare?.(proxy);
    const operator = startOperator(
      proxy,
      namespace,
      `${namespace}-${number}`,
      release === undefined ? settings : { ...settings, release },
    );
    const started = { operator, proxy };
    running = started;
    reviveWhenLost(started);
    await waitUntil(`operator ${number} of ${namespace} to lead`, 30_000, async () => operator.isLeading(), 5);
    return started;
  };

  const current = (): Incarnation => {
    if (running === undefined) throw new Error(`no operator runs in ${namespace}`);
    return running;
  };

  return {
    namespace,
    cluster,
    isRunning: () => running !== undefined,
    current,
    present: async () => {
      await waitUntil(`an operator of ${namespace} to run`, 60_000, async () => running !== undefined, 5);
      return current();
    },
    start: (prepare) => inTurn(() => replace(prepare)),
    adopt: (next) => {
      release = next;
    },
    kill: () => inTurn(kill),
    watch: (proxy) => {
      seen.push({ proxy, from: 0 });
    },
    mark: () => {
      seen = running === undefined ? [] : [{ proxy: running.proxy, from: running.proxy.calls.length }];
    },
    calls: () => seen.flatMap(({ proxy, from }) => proxy.calls.slice(from)),
    remove: async () => {
      await inTurn(kill);
      // Nobody is left who would take the finalizers away.
      for (const resource of Object.values(customResources)) {
        for (const { metadata } of (await cluster.client.list(resource, { namespace })).items)
          await cluster.client.patchMerge(
            { resource, namespace, name: metadata.name },
            { metadata: { finalizers: [] } },
          );
      }
      await cluster.client.delete({ resource: builtInResources.namespaces, name: namespace });
    },
  };
};
