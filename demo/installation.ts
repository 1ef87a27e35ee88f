import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { chooseDriver, defaultClusterName, startCluster, stateRootOf } from '../e2e/cluster/cluster.ts';
import type { Cluster, DriverName } from '../e2e/cluster/driver.ts';
import { applyDemo, demo, waitForDemo } from '../e2e/installation/demo-installation.ts';
import type { ManifestObject } from '../e2e/installation/kubernetes.ts';
import { openCluster } from '../e2e/installation/kubernetes.ts';
import { type InstalledImages, installOperator } from '../e2e/installation/operator-installation.ts';
import type { KubernetesClient } from '../operator/runtime/kubernetes-client.ts';
import { displayPath } from '../tools/dev/display-path.ts';
import { isPortTaken } from '../tools/dev/ports.ts';
import { ensureImages } from '../tools/image/project-images.ts';
import { ensureHelm } from '../tools/machine/helm.ts';
import { ensureMachine } from '../tools/machine/machine.ts';
import type { Progress } from '../tools/machine/progress.ts';
import { demoPorts, issuerPort } from './demo-application.ts';
import { demoDirectory, demoFile, readCluster, recordCluster, writeDemoFile } from './demo-state.ts';
import { adaptToForeignCluster, readForeignImages } from './foreign-cluster.ts';
import { forwarderRuns, startForwarderProcess } from './forwarder-process.ts';
import { runLoggedStep, StepFailure } from './logged-step.ts';
import { formatTenant } from './summary.ts';

/** A cluster with the demo on it, and the way to it. */
export type DemoInstallation = {
  readonly cluster: Cluster;
  readonly client: KubernetesClient;
  /** PEM of the CA that the gateway's certificate is from. */
  readonly ca: string;
  /** Where the user's `kubectl` finds the cluster. */
  readonly kubeconfigPath: string;
  /** The example application's address. */
  readonly applicationUrl: string;
};

type Platform = {
  readonly cluster: Cluster;
  readonly images: InstalledImages;
  readonly adapt: (object: ManifestObject) => ManifestObject;
};

const asItIs = (object: ManifestObject): ManifestObject => object;

const assertPortsFree = async (): Promise<void> => {
  if (await forwarderRuns()) return;
  for (const port of demoPorts) {
    if (await isPortTaken(port)) {
      throw new Error(`port ${port} of this machine is in use; end what listens there and run \`make demo\` again`);
    }
  }
};

/** One demo at a time: `make demo-down` knows of the last one only. */
const assertNotElsewhere = async (driver: DriverName): Promise<void> => {
  const recorded = await readCluster();
  if (recorded === undefined || recorded.driver === driver) return;
  const { kubeconfigPath } = recorded;
  throw new Error(`the demo is on another cluster (${displayPath(kubeconfigPath)}): run \`make demo-down\` first`);
};

/** A cluster of our own, with the images of this checkout. */
const preparePlatform = async (driver: DriverName, progress: Progress, env: NodeJS.ProcessEnv): Promise<Platform> => {
  await ensureMachine({ for: 'demo', env, progress });
  const { archives, references } = await ensureImages(progress);
  const request = { driver, images: archives, dnsRewrites: [demo.dnsRewrite], progress };
  const cluster = await startCluster(request).catch((error: unknown) => {
    throw new StepFailure(error, displayPath(path.join(stateRootOf(env), defaultClusterName, 'logs')));
  });
  return { cluster, images: references, adapt: asItIs };
};

/** Somebody else's cluster: nothing is built and nothing of it is changed but what the demo installs. */
const prepareForeignPlatform = async (progress: Progress, env: NodeJS.ProcessEnv): Promise<Platform> => {
  const images = readForeignImages(env);
  await ensureMachine({ for: 'install', env, progress });
  const cluster = await startCluster({ driver: 'existing', progress });
  const zones = new Set(cluster.nodes.map(({ zone }) => zone).filter(Boolean)).size;
  return { cluster, images, adapt: adaptToForeignCluster(zones) };
};

/** The kubeconfig of a cluster of our own is kept for the user; somebody else's may name files beside it, and stays. */
const keepKubeconfig = async ({ driver, kubeconfigPath }: Cluster): Promise<string> => {
  if (driver === 'existing') return kubeconfigPath;
  await copyFile(kubeconfigPath, demoFile('kubeconfig'));
  return demoFile('kubeconfig');
};

/**
 * Installs the demo, step by step; each may be repeated. A run with other images ends when those run everywhere.
 * @throws StepFailure, or Error with one sentence for the user
 */
export const installDemo = async (progress: Progress, env: NodeJS.ProcessEnv): Promise<DemoInstallation> => {
  const driver = await chooseDriver(env);
  await assertNotElsewhere(driver);
  await assertPortsFree();
  const { cluster, images, adapt } = await (driver === 'existing'
    ? prepareForeignPlatform(progress, env)
    : preparePlatform(driver, progress, env));
  await recordCluster(cluster);
  await ensureHelm(env, () => progress.note('compiling Helm: about a minute on two cores, once'));
  const kubeconfigPath = await keepKubeconfig(cluster);
  const kubectl = `kubectl --kubeconfig ${displayPath(kubeconfigPath)}`;
  const operatorLog = `${kubectl} -n identity-operator logs -l app.kubernetes.io/name=identity-operator --prefix --tail=-1`;
  const client = openCluster(cluster.kubeconfigPath);

  await runLoggedStep(progress, { name: 'operator', log: operatorLog }, async (detail) => {
    await installOperator({ client, kubeconfigPath: cluster.kubeconfigPath }, images);
    detail('2 replicas, one leads');
  });
  const ca = await runLoggedStep(progress, { name: `tenant ${demo.tenant}`, log: operatorLog }, async (detail) => {
    const pem = await applyDemo(client, { images, adapt });
    detail(formatTenant(await waitForDemo(client, { images })));
    return pem;
  });
  await writeDemoFile('ca.crt', ca);
  const forwarderLog = path.join(displayPath(demoDirectory), 'forwarder.log');
  const applicationUrl = await runLoggedStep(progress, { name: 'entrance', log: forwarderLog }, async (detail) => {
    const by = driver === 'existing' ? 'api-server' : 'node-port';
    const url = await startForwarderProcess({ kubeconfigPath: cluster.kubeconfigPath, by });
    detail(
      `127.0.0.1:${issuerPort} leads to the gateway, by ${by === 'api-server' ? 'the API server' : 'its node port'}`,
    );
    return url;
  });
  return { cluster, client, ca, kubeconfigPath, applicationUrl };
};
