import { spawn } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppsV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { buildClusterPlan } from './built-in/plan.ts';
import { findProcesses } from './built-in/processes.ts';
import { findClaim } from './built-in/state.ts';
import { killZone, setDnsRewrites, startCluster, startZone, stopCluster } from './cluster.ts';
import type { Cluster } from './driver.ts';
import { observeCluster } from './kubernetes-api.ts';
import { waitUntil } from './wait.ts';

// Not skipped without root: a suite that silently tests nothing would pass for good news.
beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error('the built-in cluster needs root: run this suite with sudo');
  const stateRoot = await mkdtemp(path.join(tmpdir(), 'cluster-test-'));
  process.env['IDENTITY_OPERATOR_STATE'] = stateRoot;
});

afterAll(async () => {
  const stateRoot = process.env['IDENTITY_OPERATOR_STATE'];
  if (stateRoot !== undefined) await rm(stateRoot, { recursive: true, force: true });
});

const listCgroups = async (): Promise<readonly string[]> => {
  const root = '/sys/fs/cgroup';
  const hierarchies = await readdir(root);
  const groups = await Promise.all(
    hierarchies.map(async (hierarchy) => {
      const entries = await readdir(path.join(root, hierarchy), { withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `cgroup ${hierarchy}/${name}`);
    }),
  );
  return groups.flat();
};

const lines = async (file: string, args: readonly string[]): Promise<readonly string[]> => {
  const { stdout } = await execa(file, args, { reject: false });
  return stdout.split('\n').map((line) => `${file} ${line.trim()}`);
};

/** What a cluster could leave on the machine, but for that of clusters which someone else runs meanwhile. */
const observeMachine = async (name: string): Promise<readonly string[]> => {
  const plan = buildClusterPlan(name, 0);
  const own = plan.bridge.slice(0, -'-br'.length);
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => `mount ${line}`);
  const claims = (await readdir('/run/identity-operator/clusters').catch(() => [])).map((file) => `claim ${file}`);
  const folders = await Promise.all(
    ['/var/lib', '/run', '/run/netns'].map((folder) =>
      readdir(folder)
        .catch(() => [])
        .then((names) => names.map((one) => `${folder}/${one}`)),
    ),
  );
  const all = [
    ...mounts,
    ...claims,
    ...folders.flat(),
    ...(await listCgroups()),
    ...(await lines('ip', ['-oneline', 'link'])).map((line) => line.replace(/(state|qlen) .*/, '')),
    ...(await lines('ip', ['-4', 'route'])),
    ...(await lines('iptables', ['-S'])),
  ];
  return all.filter((line) => !/\bio[0-9a-f]{6}-/.test(line) || line.includes(own)).sort();
};

const startFromCommandLine = (name: string) => {
  const child = spawn(
    process.execPath,
    [path.join(import.meta.dirname, 'main.ts'), 'up', '--driver', 'built-in', '--name', name],
    {
      stdio: 'ignore',
    },
  );
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
};

const commandsOf = async (name: string): Promise<readonly string[]> => {
  const processes = await findProcesses(name);
  return Promise.all(processes.map(({ pid }) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
};

/** Waits until a process of that command (15 characters, as the kernel keeps them) runs in the cluster. */
const waitForCommand = (name: string, command: string) =>
  waitUntil(`${command} in ${name}`, 60_000, async () => (await commandsOf(name)).includes(`${command}\n`), 20);

// From the first process to the first pods.
test.each(['etcd', 'containerd', 'kubelet', 'containerd-shim'])(
  'down removes everything that an up had begun which was killed when %s ran',
  async (command) => {
    const name = 'cluster-test-killed';
    const before = await observeMachine(name);
    const starter = startFromCommandLine(name);
    const exit = once(starter, 'exit');
    await waitForCommand(name, command);
    starter.kill('SIGKILL');
    await exit;
    expect(await findProcesses(name)).not.toEqual([]);

    expect(await stopCluster(name, 'built-in')).toEqual({ ok: true });
    expect(await findProcesses(name)).toEqual([]);
    expect(await observeMachine(name)).toEqual(before);
  },
);

test('Ctrl-C in the middle of up removes what was begun', async () => {
  const name = 'cluster-test-interrupted';
  const before = await observeMachine(name);
  const starter = startFromCommandLine(name);
  await waitForCommand(name, 'containerd');
  starter.kill('SIGINT');
  const [code] = await once(starter, 'exit');
  expect(code).toBe(130);
  expect(await findProcesses(name)).toEqual([]);
  expect(await observeMachine(name)).toEqual(before);
});

test('down ends an up that is still running', async () => {
  const name = 'cluster-test-raced';
  const before = await observeMachine(name);
  const starter = startFromCommandLine(name);
  const exit = once(starter, 'exit');
  await waitForCommand(name, 'containerd');
  expect(await stopCluster(name, 'built-in')).toEqual({ ok: true });
  await exit;
  expect(await findClaim(name)).toBeUndefined();
  expect(await observeMachine(name)).toEqual(before);
});

const planOf = async ({ name }: Cluster) => {
  const claim = await findClaim(name);
  if (claim === undefined) throw new Error(`${name} has no claim`);
  return buildClusterPlan(name, claim.slot);
};

/** Three pods, one in each zone. */
const buildSpreadDeployment = () => ({
  metadata: { name: 'spread' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'spread' } },
    template: {
      metadata: { labels: { app: 'spread' } },
      spec: {
        topologySpreadConstraints: [
          {
            topologyKey: 'topology.kubernetes.io/zone',
            maxSkew: 1,
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { app: 'spread' } },
          },
        ],
        containers: [{ name: 'pause', image: 'localhost/pause:1', imagePullPolicy: 'IfNotPresent' }],
      },
    },
  },
});

test('a cluster has three zones that can lose and regain their power', async () => {
  const name = 'cluster-test-zones';
  const before = await observeMachine(name);
  const cluster = await startCluster({ name, driver: 'built-in' });
  onTestFinished(async () => {
    await stopCluster(name, 'built-in');
  });
  expect(cluster.nodes.map(({ zone }) => zone)).toEqual(['zone-1', 'zone-2', 'zone-3']);

  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfigPath);
  const core = config.makeApiClient(CoreV1Api);
  await config
    .makeApiClient(AppsV1Api)
    .createNamespacedDeployment({ namespace: 'default', body: buildSpreadDeployment() });
  const readyNodes = async () => {
    const { items } = await core.listNamespacedPod({ namespace: 'default', labelSelector: 'app=spread' });
    const ready = items.filter(({ status }) =>
      status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
    );
    return ready.map(({ spec }) => spec?.nodeName).sort();
  };
  const waitForPods = (nodes: readonly string[]) =>
    waitUntil(`Ready pods on ${nodes.join(', ')}`, 60_000, async () => (await readyNodes()).join() === nodes.join());
  await waitForPods(['node-1', 'node-2', 'node-3']);

  expect(await killZone(cluster, 3)).toEqual({ ok: true });
  await waitUntil('the API to notice', 40_000, async () => {
    const { nodes } = await observeCluster(cluster.kubeconfigPath);
    return nodes.find((node) => node.name === 'node-3')?.ready === false;
  });
  await waitForPods(['node-1', 'node-2']);

  expect(await startZone(cluster, 3)).toEqual({ ok: true });
  await waitForPods(['node-1', 'node-2', 'node-3']);

  expect(await stopCluster(name, 'built-in')).toEqual({ ok: true });
  expect(await observeMachine(name)).toEqual(before);
});

test('two clusters stand side by side, and names can be rewritten while they run', async () => {
  const [one, other] = await Promise.all(
    ['cluster-test-one', 'cluster-test-two'].map((name) => startCluster({ name, driver: 'built-in' })),
  );
  onTestFinished(async () => {
    await Promise.all(['cluster-test-one', 'cluster-test-two'].map((name) => stopCluster(name, 'built-in')));
  });
  if (one === undefined || other === undefined) throw new Error('two clusters were started');
  expect(one.nodes[0]?.address).not.toBe(other.nodes[0]?.address);

  const rewrites = [{ from: 'acme.localhost', to: 'kubernetes.default.svc.cluster.local' }];
  expect(await setDnsRewrites(one, rewrites)).toEqual({ ok: true });
  const resolveIn = async ({ kubeconfigPath }: Cluster): Promise<readonly string[]> => {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfigPath);
    const core = config.makeApiClient(CoreV1Api);
    const { items } = await core.listNamespacedPod({ namespace: 'kube-system', labelSelector: 'k8s-app=kube-dns' });
    const resolver = new Resolver();
    resolver.setServers(items.flatMap(({ status }) => status?.podIP ?? []));
    return resolver.resolve4('acme.localhost');
  };
  expect(await resolveIn(one)).toEqual([(await planOf(one)).apiServiceAddress]);
  await expect(resolveIn(other)).rejects.toThrow();
});
