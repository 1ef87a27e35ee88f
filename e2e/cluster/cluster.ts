import path from 'node:path';
import { findGo } from '../../tools/machine/go.ts';
import { type Progress, silentProgress } from '../../tools/machine/progress.ts';
import { createBuiltInDriver } from './built-in/driver.ts';
import { parseClusterName } from './built-in/plan.ts';
import type { DnsRewrite } from './dns.ts';
import type { Cluster, ClusterDriver, DriverName, Outcome } from './driver.ts';
import { ensureKubernetes } from './kubernetes/build.ts';

/** The name of the cluster that a developer gets when they name none. */
export const defaultClusterName = 'identity-operator';

const repository = path.resolve(import.meta.dirname, '../..');

/** The folder of all clusters' state: `build/cluster` of this checkout, or where IDENTITY_OPERATOR_STATE says. */
export const stateRootOf = (env: NodeJS.ProcessEnv): string =>
  path.resolve(env['IDENTITY_OPERATOR_STATE'] ?? path.join(repository, 'build/cluster'));

const createDriver = (env: NodeJS.ProcessEnv): ClusterDriver =>
  createBuiltInDriver({
    stateRoot: stateRootOf(env),
    ensureBinaries: () =>
      ensureKubernetes(async () => {
        const go = await findGo(env);
        if (go === undefined) throw new Error('no Go');
        return go;
      }, env),
  });

export const startCluster = async (options: {
  name?: string;
  images?: readonly string[];
  dnsRewrites?: readonly DnsRewrite[];
  progress?: Progress;
}): Promise<Cluster> =>
  createDriver(process.env).start({
    name: parseClusterName(options.name ?? defaultClusterName),
    images: options.images ?? [],
    dnsRewrites: options.dnsRewrites ?? [],
    progress: options.progress ?? silentProgress,
  });
export const stopCluster = async (name: string): Promise<Outcome> => createDriver(process.env).stop(name);
