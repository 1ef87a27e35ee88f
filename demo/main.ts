// make demo, make demo-down: node demo/main.ts up | down.
import { defaultClusterName, locateDriver, stopCluster } from '../e2e/cluster/cluster.ts';
import { demo, removeDemo } from '../e2e/installation/demo-installation.ts';
import { openCluster } from '../e2e/installation/kubernetes.ts';
import { createProgress } from '../tools/machine/progress.ts';
import { readCluster, removeDemoDirectory, withoutOwnKubeconfig } from './demo-state.ts';
import { useDemo } from './first-use.ts';
import { stopForwarder } from './forwarder-process.ts';
import { installDemo } from './installation.ts';
import { describeFailure, StepFailure } from './logged-step.ts';
import { formatNextSteps } from './next-steps.ts';

const progress = createProgress();
const env = withoutOwnKubeconfig(process.env);

const up = async (): Promise<void> => {
  process.stdout.write('identity-operator demo: one tenant on a three-zone cluster\n');
  const installation = await installDemo(progress, env);
  const firstUse = await useDemo(installation, progress);
  await installation.client.close();
  process.stdout.write(formatNextSteps(installation, firstUse));
};

/** From somebody else's cluster goes the demo, not the operator: others may have tenants by now. */
const leaveForeignCluster = (kubeconfigPath: string): Promise<void> =>
  progress.step('demo', async (detail) => {
    const client = openCluster(kubeconfigPath);
    await removeDemo(client);
    await client.close();
    detail(
      `the namespace ${demo.namespace} is removed; the operator stays: kubectl delete -f install/operator.yaml -f crds/`,
    );
  });

const down = async (): Promise<void> => {
  await stopForwarder();
  const recorded = await readCluster();
  if (recorded?.driver === 'existing') await leaveForeignCluster(recorded.kubeconfigPath);
  else {
    const driver = recorded?.driver ?? (await locateDriver(defaultClusterName, env));
    await progress.step('cluster', async (detail) => {
      const outcome = await stopCluster(defaultClusterName, driver);
      if (!outcome.ok) throw new Error(outcome.reason);
      detail('removed');
    });
  }
  await removeDemoDirectory();
};

const [, , command] = process.argv;
try {
  if (command === 'up') await up();
  else if (command === 'down') await down();
  else throw new Error('usage: node demo/main.ts up | down');
} catch (error) {
  if (process.env['DEBUG'] !== undefined) console.error(error);
  else if (error instanceof StepFailure) console.error(`\n${describeFailure(error)}`);
  else console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
