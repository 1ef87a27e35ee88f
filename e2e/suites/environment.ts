import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { ensureImages } from '../../tools/image/project-images.ts';
import { createProgress } from '../../tools/machine/progress.ts';
import { isForbidden, readAuditLog } from '../cluster/audit-log.ts';
import { startCluster, stateRootOf, stopCluster } from '../cluster/cluster.ts';
import { applyDemo, demo, waitForDemo } from '../installation/demo-installation.ts';
import { findNodePort, startForwarder } from '../installation/gateway-forwarder.ts';
import { openCluster } from '../installation/kubernetes.ts';
import { type InstalledImages, installOperator } from '../installation/operator-installation.ts';

/** What the suites are given. */
export type Environment = {
  readonly clusterName: string;
  readonly kubeconfigPath: string;
  readonly images: InstalledImages;
  /** PEM of the CA behind the gateway's public certificate. */
  readonly ca: string;
  /** Loopback port of this machine that leads to the gateway. */
  readonly gatewayPort: number;
};

declare module 'vitest' {
  export interface ProvidedContext {
    environment: Environment;
  }
}

const clusterName = 'identity-operator-e2e';

/**
 * Over all suites: `operator/privileges.integration.test.ts` shows what each right is for, and a real cluster may ask for
 * one more. Throws with the calls that were refused.
 */
const assertRightsSufficed = async (): Promise<void> => {
  const calls = await readAuditLog(path.join(stateRootOf(process.env), clusterName, 'logs'));
  if (calls.length === 0) throw new Error('the audit log holds no call of the operator');
  const refused = calls.filter(isForbidden).map(({ message }) => message);
  if (refused.length > 0) throw new Error(`the operator lacks rights: ${[...new Set(refused)].join('; ')}`);
};

/**
 * One cluster for all suites, with the operator and the demo's tenant on it, as `make demo` installs them.
 * With KEEP_CLUSTER set it stays for a look afterwards: `npm run cluster -- down --name identity-operator-e2e`.
 */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const progress = createProgress();
  const keep = process.env['KEEP_CLUSTER'] !== undefined;
  const { archives, references: images } = await ensureImages(progress);
  let present = !keep;
  // Ctrl-C ends the process without a teardown, also in the middle of a start: what is left then goes in its last moment.
  process.once('exit', () => {
    if (present)
      spawnSync(process.execPath, ['e2e/cluster/main.ts', 'down', '--name', clusterName], { stdio: 'inherit' });
  });
  const remove = async (): Promise<void> => {
    if (!present) return;
    present = false;
    const outcome = await stopCluster(clusterName);
    if (!outcome.ok) throw new Error(outcome.reason);
  };
  try {
    const cluster = await startCluster({
      name: clusterName,
      images: archives,
      dnsRewrites: [demo.dnsRewrite],
      progress,
    });
    const client = openCluster(cluster.kubeconfigPath);
    const ca = await progress.step('installation', async (detail) => {
      await installOperator({ client, kubeconfigPath: cluster.kubeconfigPath }, images);
      const pem = await applyDemo(client, { images });
      await waitForDemo(client);
      detail('operator, tenant and services are ready');
      return pem;
    });
    const port = await findNodePort(client, demo.namespace, `${demo.tenant}-gateway`);
    if (port === undefined) throw new Error('the gateway has no node port');
    const forwarder = await startForwarder({ addresses: cluster.nodes.map(({ address }) => address), port }, 0);
    await client.close();
    project.provide('environment', {
      clusterName,
      kubeconfigPath: cluster.kubeconfigPath,
      images,
      ca,
      gatewayPort: forwarder.port,
    });
    return async () => {
      forwarder.close();
      try {
        if (cluster.driver === 'built-in') await assertRightsSufficed();
      } finally {
        await remove();
      }
    };
  } catch (error) {
    await remove();
    throw error;
  }
};
