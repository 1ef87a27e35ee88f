import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type BoundProcess, startBoundProcess } from '../../e2e/cluster/bound-process.ts';
import {
  apiServerCommand,
  type ControlPlane,
  controllerManagerCommand,
  etcdCommand,
  findFreePorts,
  waitForApi,
} from '../../e2e/cluster/built-in/control-plane.ts';
import { writePki } from '../../e2e/cluster/built-in/pki.ts';
import { startTimeOf } from '../../e2e/cluster/built-in/processes.ts';
import { ensureKubernetes } from '../../e2e/cluster/kubernetes/build.ts';
import { waitForServiceAccount } from '../../e2e/cluster/kubernetes-api.ts';
import { ensureGo } from '../../tools/machine/go.ts';

/** A Kubernetes API without nodes: everything but pods behaves as in any cluster. */
export interface TestControlPlane {
  readonly kubeconfigPath: string;
  /** The text of the file at `kubeconfigPath`: cluster-admin by client certificate. */
  readonly kubeconfig: string;
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  /** The folder of `kubectl` and the other components' binaries. */
  readonly binaries: string;
  /** The folder that goes with `stop`: logs, and room for files that flags name. */
  readonly directory: string;
  /** Starts kube-controller-manager, where it or some of its controllers were left out, with these further flags. */
  readonly startControllerManager: (flags: readonly string[]) => void;
  /** Ends every process and removes every file. */
  readonly stop: () => Promise<void>;
}

/** What a test may change. */
export interface ControlPlaneOptions {
  /** Pods do not run here: see e2e/cluster for that. */
  readonly nodes: false;
  /**
   * More flags for kube-apiserver, such as those of an audit log. Given the folder of the control plane, so that files
   * can be put there.
   */
  readonly apiServerFlags?: (directory: string) => readonly string[];
  /** Without it nothing collects garbage, makes service accounts or finishes deleting namespaces. Default true. */
  readonly controllerManager?: boolean;
}

const prefix = 'identity-operator-api-';

/**
 * Folders of control planes whose test run was killed: their processes ended with it, their files did not. A folder's
 * name says whose it is.
 */
const sweep = async (): Promise<void> => {
  for (const folder of await readdir(tmpdir())) {
    const [, pid, startedAt] = new RegExp(`^${prefix}(\\d+)-(\\d+)-`).exec(folder) ?? [];
    if (pid === undefined || (await startTimeOf(Number(pid))) === startedAt) continue;
    await rm(path.join(tmpdir(), folder), { recursive: true, force: true });
  }
};

const makeDirectory = async (): Promise<string> => {
  const directory = await mkdtemp(path.join(tmpdir(), `${prefix}${process.pid}-${await startTimeOf(process.pid)}-`));
  await mkdir(path.join(directory, 'logs'));
  return directory;
};

const stopAll = async (processes: readonly BoundProcess[], directory: string): Promise<void> => {
  await Promise.all(processes.map((one) => one.stop()));
  await rm(directory, { recursive: true, force: true });
};

/**
 * Starts etcd, kube-apiserver and kube-controller-manager on free ports of the loopback address: a real API in 4-6 s.
 * Needs no root; any number may run side by side. The processes end with the calling process at the latest.
 *
 * The binaries come from the cache; on a machine that has none yet the first call compiles Kubernetes for minutes.
 */
export const startControlPlane = async (options: ControlPlaneOptions): Promise<TestControlPlane> => {
  const { directory: binaries } = await ensureKubernetes(() => ensureGo(process.env));
  await sweep();
  const directory = await makeDirectory();
  const processes: BoundProcess[] = [];
  const start = (name: string, command: readonly string[]) => {
    processes.push(startBoundProcess(name, path.join(directory, 'logs', `${name}.log`), command));
  };
  try {
    const [etcdPort = 0, etcdPeerPort = 0, apiPort = 0, controllerManagerPort = 0] = await findFreePorts(4);
    const pki = path.join(directory, 'pki');
    const plane: ControlPlane = {
      name: 'control-plane',
      binaries,
      pki,
      data: path.join(directory, 'etcd'),
      etcdPort,
      etcdPeerPort,
      address: '127.0.0.1',
      apiPort,
      controllerManagerPort,
      serviceCidr: '10.96.0.0/16',
    };
    const server = `https://127.0.0.1:${apiPort}`;
    const apiAddresses = ['127.0.0.1', '10.96.0.1'];
    await writePki({ directory: pki, cluster: plane.name, server, apiAddresses, nodes: [], now: Date.now() });
    start('etcd', etcdCommand(plane));
    // A loopback address may not stand in the Endpoints of the Service `kubernetes`.
    const flags = ['--endpoint-reconciler-type=none', ...(options.apiServerFlags?.(directory) ?? [])];
    start('kube-apiserver', apiServerCommand(plane, flags));
    await waitForApi(plane, () => {
      for (const one of processes) one.assertAlive();
    });
    const kubeconfig = await readFile(path.join(pki, 'admin.conf'), 'utf8');
    const kubeconfigPath = path.join(directory, 'kubeconfig');
    await writeFile(kubeconfigPath, kubeconfig, { mode: 0o600 });
    const startControllerManager = (flags: readonly string[]) =>
      start('kube-controller-manager', controllerManagerCommand(plane, flags));
    if (options.controllerManager !== false) {
      // No kubelet renews what a node says of itself: every node would count as lost after a while. Nobody serves metrics:
      // so every autoscaler would complain after a while.
      startControllerManager(['--controllers=*,-node-lifecycle-controller,-horizontal-pod-autoscaler-controller']);
      await waitForServiceAccount(kubeconfigPath);
    }
    return {
      kubeconfigPath,
      kubeconfig,
      server,
      binaries,
      directory,
      startControllerManager,
      stop: () => stopAll(processes, directory),
    };
  } catch (error) {
    await stopAll(processes, directory);
    throw error;
  }
};
