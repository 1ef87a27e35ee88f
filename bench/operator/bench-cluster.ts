import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { installOperatorAccount } from '../../operator/testing/operator-account.ts';
import { startTestCluster, type TestCluster } from '../../operator/testing/test-cluster.ts';
import { auditPolicy, followAuditLog, type RequestCount } from './audit-log.ts';
import { findChild, readProcessUsage } from './process-usage.ts';

/** A real API without controllers of Kubernetes, so that its load is that of the operator. */
export type BenchCluster = Pick<TestCluster, 'plane' | 'client'> & {
  /** Acts as the operator's account. */
  readonly operatorKubeconfig: string;
  /** What the operator has asked of the API server since this was asked last. */
  readonly countRequests: () => Promise<RequestCount>;
  readonly apiServerCpuSeconds: () => Promise<number>;
  readonly stop: () => Promise<void>;
};

const operatorUser = 'system:serviceaccount:identity-operator:identity-operator';

export const startBenchCluster = async (): Promise<BenchCluster> => {
  const auditLog = (directory: string) => path.join(directory, 'audit.log');
  const cluster = await startTestCluster({
    controllerManager: false,
    apiServerFlags: (directory) => {
      const policy = path.join(directory, 'audit-policy.json');
      writeFileSync(policy, auditPolicy(operatorUser));
      return [`--audit-policy-file=${policy}`, `--audit-log-path=${auditLog(directory)}`];
    },
  });
  try {
    const { kubeconfig } = await installOperatorAccount(cluster.plane);
    const apiServer = await findChild('kube-apiserver');
    return {
      plane: cluster.plane,
      client: cluster.client,
      operatorKubeconfig: kubeconfig,
      countRequests: followAuditLog(auditLog(cluster.plane.directory)),
      apiServerCpuSeconds: async () => (await readProcessUsage(apiServer)).cpuSeconds,
      stop: cluster.stop,
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
};
