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
 * @returns what it printed: the state of the release, and the chart's notes
 * @throws Error with what Helm, or the API server, says is wrong
 */
export const upgradeRelease = async ({ kubeconfigPath, namespace, name, values }: Release): Promise<string> => {
  const parameters = ['upgrade', '--install', name, chartDirectory, '--values', '-'];
  const cluster = ['--kubeconfig', kubeconfigPath, '--namespace', namespace];
  return runHelm(await ensureHelm(process.env), [...parameters, ...cluster], JSON.stringify(values));
};
