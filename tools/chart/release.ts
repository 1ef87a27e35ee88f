import { ensureHelm, runHelm } from '../machine/helm.ts';
import { chartDirectory } from './chart.ts';

/** A release of the chart on a cluster. */
export type Release = {
  readonly kubeconfigPath: string;
  readonly namespace: string;
  readonly name: string;
  /** As a user would write them. */
  readonly values: Readonly<Record<string, unknown>>;
};

/**
 * `helm upgrade --install`, which returns when all objects are written; it waits for nothing.
 * @throws Error with what Helm, or the API server, says is wrong
 */
export const upgradeRelease = async ({ kubeconfigPath, namespace, name, values }: Release): Promise<void> => {
  const parameters = ['upgrade', '--install', name, chartDirectory, '--values', '-'];
  const cluster = ['--kubeconfig', kubeconfigPath, '--namespace', namespace];
  await runHelm(await ensureHelm(process.env), [...parameters, ...cluster], JSON.stringify(values));
};
