import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** Where `make demo` leaves what its user goes on with: kubeconfig, CA, password. */
export const demoDirectory = path.resolve(import.meta.dirname, '../build/demo');

export const demoFile = (name: string): string => path.join(demoDirectory, name);

/** Writes a file that only its owner may read. */
export const writeDemoFile = async (name: string, content: string): Promise<void> => {
  await mkdir(demoDirectory, { recursive: true, mode: 0o700 });
  await writeFile(demoFile(name), content, { mode: 0o600 });
};

export const readDemoFile = (name: string): Promise<string | undefined> =>
  readFile(demoFile(name), 'utf8').catch(() => undefined);

export const removeDemoDirectory = (): Promise<void> => rm(demoDirectory, { recursive: true, force: true });

const clusterSchema = z.object({ driver: z.enum(['built-in', 'kind', 'existing']), kubeconfigPath: z.string() });
/** The cluster that the demo is on: what the environment offers may be another one by the time of `make demo-down`. */
export type DemoCluster = z.infer<typeof clusterSchema>;

export const recordCluster = ({ driver, kubeconfigPath }: DemoCluster): Promise<void> =>
  writeDemoFile('cluster.json', JSON.stringify({ driver, kubeconfigPath } satisfies DemoCluster));

export const readCluster = async (): Promise<DemoCluster | undefined> => {
  const text = await readDemoFile('cluster.json');
  return text === undefined ? undefined : clusterSchema.parse(JSON.parse(text));
};

/** The environment, without a KUBECONFIG that is the demo's own: who tries the demo's `kubectl` line has set it so. */
export const withoutOwnKubeconfig = ({ KUBECONFIG: kubeconfig, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  kubeconfig === undefined || path.resolve(kubeconfig) === demoFile('kubeconfig')
    ? env
    : { ...env, KUBECONFIG: kubeconfig };
