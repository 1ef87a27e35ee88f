import { spawn } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  NetworkingV1Api,
  type V1Deployment,
  type V1Pod,
} from '@kubernetes/client-node';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildClusterPlan } from './built-in/plan.ts';
import { findProcesses } from './built-in/processes.ts';
import { findClaim } from './built-in/state.ts';
import { killZone, setDnsRewrites, startCluster, startZone, stateRootOf, stopCluster } from './cluster.ts';
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
  const claim = await findClaim(name);
  const folders = await Promise.all(
    ['/var/lib', '/run', '/run/netns'].map((folder) =>
      readdir(folder)
        .catch(() => [])
        .then((names) => names.map((one) => `${folder}/${one}`)),
    ),
  );
  const all = [
    ...mounts,
    ...(claim === undefined ? [] : [`claim ${claim.slot}`]),
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

/** Three pods, one in each zone. */
const spreadDeployment: V1Deployment = {
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
};

const restrictedUid = 999;

/** A pod as Pod Security `restricted` wants it, with a volume and a place to stand. */
const buildVolumePod = (zone: string, claimName: string): V1Pod => ({
  metadata: { name: 'database' },
  spec: {
    nodeSelector: { 'topology.kubernetes.io/zone': zone },
    securityContext: {
      runAsNonRoot: true,
      runAsUser: restrictedUid,
      fsGroup: restrictedUid,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'pause',
        image: 'localhost/pause:1',
        imagePullPolicy: 'IfNotPresent',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
  },
});

const isPodReady = ({ status }: V1Pod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;

const canConnect = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (result: boolean) => () => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', end(true)).on('timeout', end(false)).on('error', end(false));
  });

describe('a cluster that is up', () => {
  const name = 'cluster-test-up';
  const otherName = 'cluster-test-other';
  let before: readonly string[];
  let cluster: Cluster;
  let config: KubeConfig;
  let core: CoreV1Api;

  beforeAll(async () => {
    before = await observeMachine(name);
    cluster = await startCluster({ name, driver: 'built-in' });
    config = new KubeConfig();
    config.loadFromFile(cluster.kubeconfigPath);
    core = config.makeApiClient(CoreV1Api);
  });

  afterAll(async () => {
    await stopCluster(name, 'built-in');
    await stopCluster(otherName, 'built-in');
    expect(await observeMachine(name)).toEqual(before);
  });

  test('zones lose and regain their power', async () => {
    expect(cluster.nodes.map(({ zone }) => zone)).toEqual(['zone-1', 'zone-2', 'zone-3']);
    await config.makeApiClient(AppsV1Api).createNamespacedDeployment({ namespace: 'default', body: spreadDeployment });
    const waitForPods = (nodes: readonly string[]) =>
      waitUntil(`Ready pods on ${nodes.join(', ')}`, 60_000, async () => {
        const { items } = await core.listNamespacedPod({ namespace: 'default', labelSelector: 'app=spread' });
        const ready = items.filter(isPodReady).map(({ spec }) => spec?.nodeName);
        return ready.sort().join() === nodes.join();
      });
    await waitForPods(['node-1', 'node-2', 'node-3']);

    expect(await killZone(cluster, 3)).toEqual({ ok: true });
    await waitUntil('the API to notice', 40_000, async () => {
      const { nodes } = await observeCluster(cluster.kubeconfigPath);
      return nodes.find((node) => node.name === 'node-3')?.ready === false;
    });
    await waitForPods(['node-1', 'node-2']);

    expect(await startZone(cluster, 3)).toEqual({ ok: true });
    await waitForPods(['node-1', 'node-2', 'node-3']);
  });

  test('a claim binds to a volume in the zone of its pod, and the volume is emptied after it', async () => {
    const namespace = 'volumes';
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await core.createNamespace({ body: { metadata: { name: namespace, labels } } });
    await waitUntil('the service account', 20_000, async () => {
      await core.readNamespacedServiceAccount({ namespace, name: 'default' });
      return true;
    });
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    await core.createNamespacedPersistentVolumeClaim({ namespace, body: { metadata: { name: 'data' }, spec } });
    await core.createNamespacedPod({ namespace, body: buildVolumePod('zone-2', 'data') });
    await waitUntil('the pod', 30_000, async () =>
      isPodReady(await core.readNamespacedPod({ namespace, name: 'database' })),
    );
    const claim = await core.readNamespacedPersistentVolumeClaim({ namespace, name: 'data' });
    const volume = claim.spec?.volumeName ?? '';
    expect(volume).toMatch(/^node-2-volume-\d$/);
    const folder = path.join(stateRootOf(process.env), name, 'node-2/volumes', volume);
    expect((await stat(folder)).gid).toBe(restrictedUid);
    await writeFile(path.join(folder, 'left-behind'), 'secret');

    await core.deleteNamespace({ name: namespace });
    await waitUntil('the volume to be free again', 30_000, async () => {
      const { status } = await core.readPersistentVolume({ name: volume });
      return status?.phase === 'Available';
    });
    expect(await readdir(folder)).toEqual([]);
    expect((await stat(folder)).gid).toBe(0);
  });

  test('network policies are enforced', async () => {
    const dns = { namespace: 'kube-system', labelSelector: 'k8s-app=kube-dns' };
    const [pod] = (await core.listNamespacedPod(dns)).items;
    const address = pod?.status?.podIP ?? '';
    expect(await canConnect(address, 53)).toBe(true);

    const policies = config.makeApiClient(NetworkingV1Api);
    const named = { namespace: 'kube-system', name: 'closed' };
    const spec = { podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } }, policyTypes: ['Ingress'] };
    await policies.createNamespacedNetworkPolicy({ ...named, body: { metadata: { name: named.name }, spec } });
    await waitUntil('the policy', 20_000, async () => !(await canConnect(address, 53)));

    await policies.deleteNamespacedNetworkPolicy(named);
    await waitUntil('the policy to be gone', 20_000, () => canConnect(address, 53));
  });

  test('names are rewritten while it runs, and a cluster beside it is another world', async () => {
    const other = await startCluster({ name: otherName, driver: 'built-in' });
    expect(other.nodes[0]?.address).not.toBe(cluster.nodes[0]?.address);

    const rewrites = [{ from: 'acme.localhost', to: 'kubernetes.default.svc.cluster.local' }];
    expect(await setDnsRewrites(cluster, rewrites)).toEqual({ ok: true });
    const resolveIn = async ({ kubeconfigPath }: Cluster): Promise<readonly string[]> => {
      const its = new KubeConfig();
      its.loadFromFile(kubeconfigPath);
      const dns = { namespace: 'kube-system', labelSelector: 'k8s-app=kube-dns' };
      const { items } = await its.makeApiClient(CoreV1Api).listNamespacedPod(dns);
      const resolver = new Resolver();
      resolver.setServers(items.flatMap(({ status }) => status?.podIP ?? []));
      return resolver.resolve4('acme.localhost');
    };
    const service = await core.readNamespacedService({ namespace: 'default', name: 'kubernetes' });
    expect(await resolveIn(cluster)).toEqual([service.spec?.clusterIP]);
    await expect(resolveIn(other)).rejects.toThrow();
  });

  test('starting it again changes nothing', async () => {
    const again = await startCluster({ name, driver: 'built-in' });
    expect(again.kubeconfigPath).toBe(cluster.kubeconfigPath);
    const configMap = await core.readNamespacedConfigMap({ namespace: 'kube-system', name: 'coredns' });
    expect(configMap.data?.['Corefile']).toContain('acme.localhost');
  });
});
