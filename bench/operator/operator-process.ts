import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { type BoundProcess, startBoundProcess } from '../../e2e/cluster/bound-process.ts';
import { findFreePorts } from '../../e2e/cluster/built-in/control-plane.ts';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import { bundleDirectory } from '../../tools/bundle.ts';
import { parseMetrics, type Sample, sumOf } from './metrics-text.ts';
import { type ProcessUsage, readProcessUsage } from './process-usage.ts';

/** The operator as users run it: the bundle, with the command line and environment of `install/operator.yaml`. */
export type OperatorProcess = {
  readonly usage: () => Promise<ProcessUsage>;
  readonly scrape: () => Promise<Sample[]>;
  /** Whether its caches are complete. */
  readonly isReady: () => Promise<boolean>;
  /** Waits until it leads and has nothing to do, after at least `reconciles` of tenants since it started. */
  readonly waitUntilIdle: (reconciles: number, deadline: number) => Promise<void>;
  /** Ends it: in an orderly way, or at once. */
  readonly stop: (signal: 'SIGTERM' | 'SIGKILL') => Promise<void>;
};

// The part of a container that is read here; the file is our own.
const containerSchema = z.object({
  command: z.array(z.string()),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })),
});

/** Node's flags and the fixed part of the environment, as the container of `install/operator.yaml` has them. */
const readContainer = async (): Promise<{ readonly flags: readonly string[]; readonly env: readonly string[] }> => {
  const documents = parseAllDocuments(await readFile('install/operator.yaml', 'utf8'));
  const deployment = documents.find((document) => document.get('kind') === 'Deployment');
  const { spec } = z
    .object({ spec: z.object({ template: z.object({ spec: z.object({ containers: z.tuple([containerSchema]) }) }) }) })
    .parse(deployment?.toJSON());
  const [{ command, env }] = spec.template.spec.containers;
  return {
    flags: command.slice(1, -1),
    env: env.flatMap(({ name, value }) => (value === undefined ? [] : [`${name}=${value}`])),
  };
};

/** Starts one in `directory`; its log goes to `NAME.log` there. `flags` are more of Node's. */
export const startOperatorProcess = async (options: {
  readonly name: string;
  readonly kubeconfig: string;
  readonly directory: string;
  readonly flags: readonly string[];
}): Promise<OperatorProcess> => {
  const { name, directory } = options;
  const kubeconfigPath = path.join(directory, 'operator.kubeconfig');
  await writeFile(kubeconfigPath, options.kubeconfig, { mode: 0o600 });
  const [port = 0] = await findFreePorts(1);
  const container = await readContainer();
  const running: BoundProcess = startBoundProcess(name, path.join(directory, `${name}.log`), [
    'env',
    ...container.env,
    `KUBECONFIG=${kubeconfigPath}`,
    `POD_NAME=${name}`,
    `PROBE_PORT=${port}`,
    'NODE_ENV=production',
    process.execPath,
    ...container.flags,
    ...options.flags,
    path.join(bundleDirectory, 'operator.mjs'),
  ]);
  const ask = (page: string) => fetch(`http://127.0.0.1:${port}/${page}`);
  const scrape = async () => parseMetrics(await (await ask('metrics')).text());
  return {
    usage: () => readProcessUsage(running.pid),
    scrape,
    isReady: async () => (await ask('readyz')).ok,
    waitUntilIdle: (reconciles, deadline) =>
      waitUntil(`${name} to be idle`, deadline, async () => {
        running.assertAlive();
        const samples = await scrape();
        return (
          sumOf(samples, 'leader_election_master_status') === 1 &&
          sumOf(samples, 'controller_runtime_reconcile_total', { controller: 'tenant' }) >= reconciles &&
          sumOf(samples, 'workqueue_depth') === 0 &&
          sumOf(samples, 'controller_runtime_active_workers') === 0
        );
      }),
    stop: (signal) => running.stop(signal),
  };
};
