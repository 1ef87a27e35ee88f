import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { expect, onTestFinished, test } from 'vitest';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import { startControlPlane, type TestControlPlane } from './control-plane.ts';

const coreOf = ({ kubeconfig }: TestControlPlane): CoreV1Api => {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return config.makeApiClient(CoreV1Api);
};

const commandLines = async (): Promise<readonly string[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
};

const runsIn = async (directory: string): Promise<number> =>
  (await commandLines()).filter((line) => line.includes(directory)).length;

test('two control planes stand side by side, each a world of its own, and leave nothing behind', async () => {
  const [one, other] = await Promise.all([startControlPlane({ nodes: false }), startControlPlane({ nodes: false })]);
  onTestFinished(async () => {
    await Promise.all([one.stop(), other.stop()]);
  });
  await coreOf(one).createNamespace({ body: { metadata: { name: 'only-here' } } });
  const names = async (plane: TestControlPlane) =>
    (await coreOf(plane).listNamespace()).items.map(({ metadata }) => metadata?.name);
  expect(await names(one)).toContain('only-here');
  expect(await names(other)).not.toContain('only-here');

  // The controller manager works: a namespace gets its service account.
  await waitUntil('the service account', 20_000, async () => {
    await coreOf(one).readNamespacedServiceAccount({ namespace: 'only-here', name: 'default' });
    return true;
  });

  await one.stop();
  expect(await runsIn(one.directory)).toBe(0);
  await expect(access(one.directory)).rejects.toThrow('ENOENT');
  expect(await runsIn(other.directory)).toBeGreaterThanOrEqual(3);
});

test('flags reach the API server: an audit log names what was done', async () => {
  const plane = await startControlPlane({
    nodes: false,
    controllerManager: false,
    apiServerFlags: (directory) => [
      `--audit-log-path=${path.join(directory, 'audit.log')}`,
      `--audit-policy-file=${path.join(import.meta.dirname, 'testdata/audit-policy.yaml')}`,
    ],
  });
  onTestFinished(plane.stop);
  await coreOf(plane).createNamespace({ body: { metadata: { name: 'seen' } } });
  await waitUntil('the audit log', 10_000, async () => {
    const log = await readFile(path.join(plane.directory, 'audit.log'), 'utf8');
    return log.includes('"name":"seen"');
  });
});

test('a component that cannot start is named, with its log', async () => {
  const start = startControlPlane({ nodes: false, apiServerFlags: () => ['--no-such-flag'] });
  await expect(start).rejects.toThrow(/kube-apiserver ended with 1: see .*kube-apiserver\.log/);
});

test('a killed test run takes its control plane along', async () => {
  const program = path.join(import.meta.dirname, 'testdata/hold-control-plane.ts');
  const holder = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    holder.kill('SIGKILL');
  });
  const [line] = await once(holder.stdout, 'data');
  const directory = String(line).trim();
  expect(await runsIn(directory)).toBeGreaterThanOrEqual(2);

  holder.kill('SIGKILL');
  await waitUntil('the end of its processes', 20_000, async () => (await runsIn(directory)) === 0);

  // Its files go when the next one starts.
  const next = await startControlPlane({ nodes: false, controllerManager: false });
  onTestFinished(next.stop);
  await expect(access(directory)).rejects.toThrow('ENOENT');
});
