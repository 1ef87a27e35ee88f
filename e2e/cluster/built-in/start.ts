import { chown, copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { auditLogFlags } from '../audit-log.ts';
import type { StartOptions } from '../driver.ts';
import { waitForDns, waitForNodes, waitForServiceAccount } from '../kubernetes-api.ts';
import { buildAddons, volumeLabel } from './addons.ts';
import {
  apiServerCommand,
  apiServerNodeFlags,
  type ControlPlane,
  controllerManagerCommand,
  controllerManagerNodeFlags,
  etcdCommand,
  findFreePorts,
  schedulerCommand,
  waitForApi,
} from './control-plane.ts';
import { announceApi, type ClusterPaths, ip, startNode, storeImage, writeNodeFiles } from './node.ts';
import { writePki } from './pki.ts';
import type { ClusterPlan } from './plan.ts';
import { startProcess } from './processes.ts';

const pkiOf = (state: string) => path.join(state, 'pki');

/** The kubeconfig of a cluster's administrator. */
export const kubeconfigOf = (state: string): string => path.join(state, 'kubeconfig');

/** Who used sudo reads the kubeconfig without it. */
const giveKubeconfigToCaller = async (state: string, env: NodeJS.ProcessEnv): Promise<void> => {
  const [uid, gid] = [Number(env['SUDO_UID']), Number(env['SUDO_GID'])];
  if (uid > 0 && gid > 0) await chown(kubeconfigOf(state), uid, gid);
};

/** Writes all that the cluster's parts read: certificates, the nodes' files, images. Nothing runs yet. */
export const prepare = async (plan: ClusterPlan, paths: ClusterPaths, archives: readonly string[]): Promise<void> => {
  const { state } = paths;
  await Promise.all(['logs', 'images'].map((folder) => mkdir(path.join(state, folder), { recursive: true })));
  await writePki({
    directory: pkiOf(state),
    cluster: plan.name,
    server: plan.server,
    apiAddresses: [plan.hostAddress, '127.0.0.1', plan.apiServiceAddress],
    nodes: plan.nodes,
    now: Date.now(),
  });
  await copyFile(path.join(pkiOf(state), 'admin.conf'), kubeconfigOf(state));
  for (const node of plan.nodes) await writeNodeFiles(plan, paths, node);
  for (const archive of archives) await storeImage(plan, paths, archive);
  await giveKubeconfigToCaller(state, process.env);
};

const createBridge = (plan: ClusterPlan): Promise<void> =>
  ip([
    `link add ${plan.bridge} type bridge`,
    `address add ${plan.hostAddress}/24 dev ${plan.bridge}`,
    `link set ${plan.bridge} up`,
  ]);

const planControlPlane = async (plan: ClusterPlan, paths: ClusterPaths): Promise<ControlPlane> => {
  const [etcdPort = 0, etcdPeerPort = 0] = await findFreePorts(2);
  return {
    name: plan.name,
    binaries: paths.binaries,
    pki: pkiOf(paths.state),
    data: path.join(paths.state, 'etcd'),
    etcdPort,
    etcdPeerPort,
    address: plan.hostAddress,
    apiPort: 6443,
    controllerManagerPort: 10257,
    serviceCidr: plan.serviceCidr,
  };
};

const applyAddons = async (plan: ClusterPlan, paths: ClusterPaths, options: StartOptions): Promise<void> => {
  const items = await buildAddons(plan, options.dnsRewrites ?? []);
  await execa(
    path.join(paths.binaries, 'kubectl'),
    // No validation: it would fetch the API's whole schema first.
    ['--kubeconfig', kubeconfigOf(paths.state), 'create', '--validate=false', '-f', '-'],
    { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), env: { HOME: paths.state } },
  );
};

/** Brings the prepared cluster to life: the API first, the nodes' containerd meanwhile, then all that needs the API. */
export const run = async (plan: ClusterPlan, paths: ClusterPaths, options: StartOptions): Promise<void> => {
  const plane = await planControlPlane(plan, paths);
  const start = (name: string, command: readonly string[]) => {
    const log = path.join(paths.state, 'logs', `${name}.log`);
    const child = startProcess({ cluster: plan.name, part: 'control-plane' }, log, command);
    return () => {
      if (child.pid === undefined) throw new Error(`${name} could not be started: is ${command[0]} there?`);
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: see ${log}`);
    };
  };
  await createBridge(plan);
  const etcdAlive = start('etcd', etcdCommand(plane));
  const apiFlags = [...apiServerNodeFlags(plane.pki), ...auditLogFlags(path.join(paths.state, 'logs'))];
  const apiAlive = start('kube-apiserver', apiServerCommand(plane, apiFlags));
  for (const node of plan.nodes) await startNode(plan, paths, node);
  await waitForApi(plane, () => {
    etcdAlive();
    apiAlive();
  });
  start('kube-controller-manager', controllerManagerCommand(plane, controllerManagerNodeFlags));
  start('kube-scheduler', schedulerCommand(plane));
  for (const node of plan.nodes) await announceApi(paths, node);
  await applyAddons(plan, paths, options);
  start('volume-recycler', [
    path.join(paths.binaries, 'volume-recycler'),
    `--kubeconfig=${path.join(plane.pki, 'volume-recycler.conf')}`,
    `--root=${paths.state}`,
    `--label=${volumeLabel}`,
  ]);
  await waitForNodes(kubeconfigOf(paths.state), plan.nodes.length);
  await waitForServiceAccount(kubeconfigOf(paths.state));
  await waitForDns(kubeconfigOf(paths.state));
};
