import path from 'node:path';
import { cacheDirectory } from '../../tools/machine/cache.ts';
import { ensureGo } from '../../tools/machine/go.ts';
import { type Progress, silentProgress } from '../../tools/machine/progress.ts';
import { createBuiltInDriver } from './built-in/driver.ts';
import { parseClusterName } from './built-in/plan.ts';
import { findClaim } from './built-in/state.ts';
import { type DnsRewrite, parseRewrites } from './dns.ts';
import type { Cluster, ClusterDriver, DriverName, Outcome } from './driver.ts';
import { createExistingDriver } from './existing.ts';
import { createKindDriver, dockerAnswers } from './kind.ts';
import { ensureKubernetes } from './kubernetes/build.ts';

/** The name of the cluster that a developer gets when they name none. */
export const defaultClusterName = 'identity-operator';

/** How to start a cluster; all of it may be left out. */
export interface ClusterRequest {
  /** Up to 40 of a-z, 0-9 and -. Clusters of different names stand side by side. */
  readonly name?: string;
  /** docker-archive files to have in every node from the start. */
  readonly images?: readonly string[];
  /** Names that pods shall resolve as if they were others. Left out: none, or what a running cluster has already. */
  readonly dnsRewrites?: readonly DnsRewrite[];
  /** Default: what the machine offers, see {@link chooseDriver}. */
  readonly driver?: DriverName;
  readonly progress?: Progress;
}

const repository = path.resolve(import.meta.dirname, '../..');

/** The folder of all clusters' state: `build/cluster` of this checkout, or where IDENTITY_OPERATOR_STATE says. */
export const stateRootOf = (env: NodeJS.ProcessEnv): string =>
  path.resolve(env['IDENTITY_OPERATOR_STATE'] ?? path.join(repository, 'build/cluster'));

const createDriver = (name: DriverName, env: NodeJS.ProcessEnv): ClusterDriver => {
  const stateRoot = stateRootOf(env);
  const go = () => ensureGo(env);
  switch (name) {
    case 'existing': {
      const kubeconfig = env['KUBECONFIG'];
      if (!kubeconfig) throw new Error('set KUBECONFIG to use a cluster that you have');
      return createExistingDriver(kubeconfig);
    }
    case 'kind': {
      const configuration = path.join(repository, 'kind-config.yaml');
      return createKindDriver({ stateRoot, cache: cacheDirectory(env), configuration, ensureGo: go });
    }
    case 'built-in':
      return createBuiltInDriver({ stateRoot, ensureBinaries: (onBuild) => ensureKubernetes(go, env, onBuild) });
  }
};

/**
 * The way to have a cluster on this machine: the one that KUBECONFIG names, unless that is a cluster made by us; kind
 * where a Docker daemon answers; else built-in.
 */
export const chooseDriver = async (env: NodeJS.ProcessEnv): Promise<DriverName> => {
  const kubeconfig = env['KUBECONFIG'];
  const ours = kubeconfig !== undefined && path.resolve(kubeconfig).startsWith(stateRootOf(env) + path.sep);
  if (kubeconfig && !ours) return 'existing';
  return (await dockerAnswers(env)) ? 'kind' : 'built-in';
};

/** The kind of a cluster that was started earlier: what the machine offers may have changed since. */
export const locateDriver = async (name: string, env: NodeJS.ProcessEnv): Promise<DriverName> =>
  (await findClaim(name)) === undefined ? chooseDriver(env) : 'built-in';

const driverOf = (cluster: Cluster): ClusterDriver => createDriver(cluster.driver, process.env);

/**
 * Returns a cluster that is ready for work: all nodes Ready, DNS answers, pods can be made. One of that name that is up
 * already is returned as it is, with the images loaded and the rewrites set. Throws when there can be none.
 */
export const startCluster = async (request: ClusterRequest = {}): Promise<Cluster> => {
  const driver = createDriver(request.driver ?? (await chooseDriver(process.env)), process.env);
  return driver.start({
    name: parseClusterName(request.name ?? defaultClusterName),
    images: request.images ?? [],
    dnsRewrites: request.dnsRewrites && parseRewrites(request.dnsRewrites),
    progress: request.progress ?? silentProgress,
  });
};

/** Removes a cluster with all that it left on the machine, also after a crash in the middle of its start. */
export const stopCluster = async (name: string = defaultClusterName, driver?: DriverName): Promise<Outcome> =>
  createDriver(driver ?? (await locateDriver(name, process.env)), process.env).stop(parseClusterName(name));

/** The cluster of that name, or undefined when it is not up. */
export const findCluster = async (
  name: string = defaultClusterName,
  driver?: DriverName,
): Promise<Cluster | undefined> =>
  createDriver(driver ?? (await locateDriver(name, process.env)), process.env).find(parseClusterName(name));

/** Puts an image (a docker-archive file) into every node, under the name that the archive gives it. */
export const loadImage = async (cluster: Cluster, archive: string): Promise<Outcome> =>
  driverOf(cluster).loadImage(cluster, archive);

/** Cuts the power of zone 1, 2 or 3: its node is gone without a word. */
export const killZone = async (cluster: Cluster, zone: number): Promise<Outcome> =>
  driverOf(cluster).killZone(cluster, zone);

/** Gives a zone its power back; returns when its node is Ready. */
export const startZone = async (cluster: Cluster, zone: number): Promise<Outcome> =>
  driverOf(cluster).startZone(cluster, zone);

/** Replaces the names that pods resolve as if they were others; returns when the new ones are in force. */
export const setDnsRewrites = async (cluster: Cluster, rewrites: readonly DnsRewrite[]): Promise<Outcome> =>
  driverOf(cluster).setDnsRewrites(cluster, parseRewrites(rewrites));
