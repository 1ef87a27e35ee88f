import { waitUntil } from '../../e2e/cluster/wait.ts';
import { type KubeletStandIn, startKubeletStandIn } from './kubelet-stand-in.ts';
import { installOperatorAccount } from './operator-account.ts';
import { type RunningOperator, startOperator } from './running-operator.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

/** A cluster in which pods run, as far as the API shows, and an operator leads. */
export type OperatedCluster = {
  readonly cluster: TestCluster;
  readonly kubelets: KubeletStandIn;
  /** The one that runs now. */
  readonly operator: RunningOperator;
  /** Ends the operator for as long as `change` takes, as an upgrade of it does; then another one leads. */
  whileNoOperatorRuns(change: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
};

/** Starts it, with the rights of `install/operator.yaml`; what was started before something failed is stopped. */
export const startOperatedCluster = async (
  options: Parameters<typeof startOperator>[3] = {},
): Promise<OperatedCluster> => {
  const started: { stop(): Promise<unknown> }[] = [];
  const keep = <T extends { stop(): Promise<unknown> }>(one: T): T => {
    started.unshift(one);
    return one;
  };
  const stop = async (): Promise<void> => {
    for (const one of started) await one.stop();
  };
  try {
    const cluster = keep(await startTestCluster());
    const kubelets = keep(await startKubeletStandIn(cluster.client));
    const startLeader = async (): Promise<RunningOperator> => {
      const account = await installOperatorAccount(cluster.plane);
      const operator = keep(startOperator(account, 'identity-operator', `operator-${started.length}`, options));
      await waitUntil('the operator to lead', 30_000, async () => operator.isLeading());
      return operator;
    };
    let operator = await startLeader();
    return {
      cluster,
      kubelets,
      get operator() {
        return operator;
      },
      whileNoOperatorRuns: async (change) => {
        await operator.stop();
        await change();
        operator = await startLeader();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
