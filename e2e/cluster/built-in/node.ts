import { copyFile, link, mkdir, readlink, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { waitUntil } from '../wait.ts';
import { volumeNames } from './addons.ts';
import { createCgroup, removeCgroup } from './cgroups.ts';
import { buildCniConfig, buildContainerdConfig, buildKubeletConfig } from './node-files.ts';
import type { ClusterPlan, NodePlan } from './plan.ts';
import { findProcesses, killProcesses, startProcess } from './processes.ts';

/** Where a cluster keeps its state, and where its binaries are. */
export interface ClusterPaths {
  readonly state: string;
  readonly binaries: string;
}

const directoryOf = (paths: ClusterPaths, node: NodePlan) => path.join(paths.state, node.name);

/** Runs a list of `ip` commands in one go; the first that fails ends it. */
export const ip = async (lines: readonly string[]): Promise<void> => {
  await execa('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
};

/** Writes what a node finds on its disk when it is switched on for the first time. */
export const writeNodeFiles = async (plan: ClusterPlan, paths: ClusterPaths, node: NodePlan): Promise<void> => {
  const directory = directoryOf(paths, node);
  for (const folder of ['cni', 'images', 'pki', ...volumeNames(node).map((name) => `volumes/${name}`)]) {
    await mkdir(path.join(directory, folder), { recursive: true });
  }
  const write = (file: string, text: string) => writeFile(path.join(directory, file), text);
  const keys = ['ca.crt', 'kube-proxy.conf', 'network-policies.conf'].concat(
    ['crt', 'key', 'conf'].map((kind) => `${node.name}.${kind}`),
  );
  await Promise.all([
    write('cni/10-pods.conflist', buildCniConfig(node)),
    write('containerd.toml', buildContainerdConfig()),
    write('kubelet.yaml', buildKubeletConfig(plan, node)),
    ...keys.map((file) => copyFile(path.join(paths.state, 'pki', file), path.join(directory, 'pki', file))),
  ]);
};

/** Lets the node's kubelet and the rest go; before, they would meet an API that refuses them. */
export const announceApi = (paths: ClusterPaths, node: NodePlan): Promise<void> =>
  writeFile(path.join(directoryOf(paths, node), 'api-ready'), '');

/**
 * Switches a node on: namespaces, link, containerd, kubelet. Returns as soon as they are started; the node is Ready
 * seconds later.
 *
 * --kill-child: the death of the unshare process takes the node's pid 1 along, and with it all that runs there.
 */
export const startNode = async (plan: ClusterPlan, paths: ClusterPaths, node: NodePlan): Promise<void> => {
  await createCgroup(node.cgroup);
  const directory = directoryOf(paths, node);
  const routes = plan.nodes.filter((other) => other !== node).map((other) => `${other.podCidr} ${other.address}`);
  const { pid } = startProcess({ cluster: plan.name, part: node.name }, path.join(directory, 'init.log'), [
    'unshare',
    ...['--net', '--pid', '--fork', '--kill-child', '--mount', '--uts', '--ipc'],
    path.join(import.meta.dirname, 'node-init.sh'),
    ...[directory, paths.binaries, node.name, node.address, plan.hostAddress, plan.podCidr, node.zone, plan.name],
    ...routes,
  ]);
  if (pid === undefined) throw new Error('unshare did not start: is util-linux installed?');

  const own = await readlink('/proc/self/ns/net');
  await waitUntil(`the network namespace of ${node.name}`, 10_000, async () => {
    return (await readlink(`/proc/${pid}/ns/net`)) !== own;
  });
  await ip([
    `link add ${node.link} type veth peer name eth0 netns ${pid}`,
    `link set ${node.link} master ${plan.bridge} up`,
    // The host reaches pods, and NodePorts at the node's address.
    `route replace ${node.podCidr} via ${node.address} dev ${plan.bridge}`,
  ]);
};

/** Whether a node is switched on. */
export const isRunning = async (plan: ClusterPlan, node: NodePlan): Promise<boolean> =>
  (await findProcesses(plan.name)).some(({ part }) => part === node.name);

/** Deletes links, saying nothing about those that are not there. */
export const removeLinks = async (links: readonly string[]): Promise<void> => {
  for (const name of links) await execa('ip', ['link', 'delete', name], { reject: false });
};

/**
 * Cuts a node's power: nothing in it gets to say goodbye. Its disk stays. The link goes first, or traffic to its dead
 * pods would circle between host and node.
 */
export const stopNode = async (plan: ClusterPlan, node: NodePlan): Promise<void> => {
  await removeLinks([node.link]);
  const processes = await findProcesses(plan.name);
  await killProcesses(processes.filter(({ part }) => part === node.name));
  await removeCgroup(node.cgroup);
};

/**
 * Makes an image known to a node: at once when it is running, else when it is switched on.
 *
 * @param archive a docker-archive in the cluster's own image folder, on the same disk as the node's
 */
const loadImageIntoNode = async (
  plan: ClusterPlan,
  paths: ClusterPaths,
  node: NodePlan,
  archive: string,
): Promise<void> => {
  const file = path.basename(archive);
  const target = path.join(directoryOf(paths, node), 'images', file);
  // Forgotten first: an archive of that name may have been there with another content.
  await Promise.all([target, `${target}.imported`].map((one) => rm(one, { force: true })));
  await link(archive, target);
  const processes = (await findProcesses(plan.name)).filter(({ part }) => part === node.name);
  // Any process of the node is in its mount namespace.
  const [process] = processes;
  if (process === undefined) return;
  await execa('nsenter', [
    ...['--target', String(process.pid), '--mount'],
    ...['ctr', '--address', '/run/node/containerd.sock', '--namespace', 'k8s.io'],
    ...['images', 'import', `/run/node/images/${file}`],
  ]);
  await writeFile(`${target}.imported`, '');
};

/** Keeps an image with the cluster, so that a node that comes back later has it too; running nodes have it at once. */
export const storeImage = async (plan: ClusterPlan, paths: ClusterPaths, archive: string): Promise<void> => {
  const stored = path.join(paths.state, 'images', path.basename(archive));
  // A new file, not new content in one that the nodes hold by a link.
  await rm(stored, { force: true });
  await copyFile(archive, stored);
  await Promise.all(plan.nodes.map((node) => loadImageIntoNode(plan, paths, node, stored)));
};
