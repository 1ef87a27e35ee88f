import { access, chown, copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { Cluster, ClusterDriver, Outcome, StartOptions } from '../driver.ts';
import type { KubernetesBinaries } from '../kubernetes/build.ts';
import {
  applyDnsRewrites,
  observeCluster,
  waitForDns,
  waitForNode,
  waitForNodes,
  waitForServiceAccount,
} from '../kubernetes-api.ts';
import { buildAddons } from './addons.ts';
import { removeCgroup } from './cgroups.ts';
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
import {
  announceApi,
  type ClusterPaths,
  ip,
  isRunning,
  loadImageIntoNode,
  removeLinks,
  startNode,
  stopNode,
  writeNodeFiles,
} from './node.ts';
import { ensurePauseImage } from './pause.ts';
import { writePki } from './pki.ts';
import { buildClusterPlan, type ClusterPlan, nodeOfZone } from './plan.ts';
import { findProcesses, killProcesses, startProcess } from './processes.ts';
import { type Claim, claimSlot, endStart, findClaim, findStarter, removeClaim } from './state.ts';

/** What the driver is told by its surroundings. */
export interface BuiltInSettings {
  /** The folder under which each cluster has its state, by name. */
  readonly stateRoot: string;
  /** Calls `onBuild` before something that takes minutes. */
  readonly ensureBinaries: (onBuild: () => void) => Promise<KubernetesBinaries>;
}

const done: Outcome = { ok: true };

const pkiOf = (state: string) => path.join(state, 'pki');
const kubeconfigOf = (state: string) => path.join(state, 'kubeconfig');

/** Makes every name and address of the cluster its own before anything stands under it. */
const prepare = async (plan: ClusterPlan, paths: ClusterPaths, archives: readonly string[]): Promise<void> => {
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
};

/** Keeps an image with the cluster, so that a node that comes back later has it too. */
const storeImage = async (plan: ClusterPlan, paths: ClusterPaths, archive: string): Promise<void> => {
  const stored = path.join(paths.state, 'images', path.basename(archive));
  // A new file, not new content in one that the nodes hold by a link.
  await rm(stored, { force: true });
  await copyFile(archive, stored);
  await Promise.all(plan.nodes.map((node) => loadImageIntoNode(plan, paths, node, stored)));
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
const run = async (plan: ClusterPlan, paths: ClusterPaths, options: StartOptions): Promise<void> => {
  const plane = await planControlPlane(plan, paths);
  const start = (name: string, command: readonly string[]) => {
    const log = path.join(paths.state, 'logs', `${name}.log`);
    const child = startProcess({ cluster: plan.name, part: 'control-plane' }, log, command);
    return () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: see ${log}`);
    };
  };
  await createBridge(plan);
  const etcdAlive = start('etcd', etcdCommand(plane));
  const apiAlive = start('kube-apiserver', apiServerCommand(plane, apiServerNodeFlags(plane.pki)));
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
    '--label=local-volume/node',
  ]);
  await waitForNodes(kubeconfigOf(paths.state), plan.nodes.length);
  await waitForServiceAccount(kubeconfigOf(paths.state));
  await waitForDns(kubeconfigOf(paths.state));
};

/** Ends whoever is still starting the cluster, so that nothing is made while it is being removed. */
const endStarter = async (claim: Claim | undefined): Promise<void> => {
  const starter = await findStarter(claim);
  if (starter !== undefined && starter.pid !== process.pid) await killProcesses([starter]);
};

/** Who used sudo reads the kubeconfig without it. */
const giveKubeconfigToCaller = async (state: string, env: NodeJS.ProcessEnv): Promise<void> => {
  const [uid, gid] = [Number(env['SUDO_UID']), Number(env['SUDO_GID'])];
  if (uid > 0 && gid > 0) await chown(kubeconfigOf(state), uid, gid);
};

const remove = async (plan: ClusterPlan, state: string): Promise<void> => {
  await removeLinks([...plan.nodes.map((node) => node.link), plan.bridge]); // takes the routes along
  // Again until none is found: one that was being started while we looked shows its mark only a moment later.
  for (let left = await findProcesses(plan.name); left.length > 0; left = await findProcesses(plan.name)) {
    await killProcesses(left);
  }
  await removeLinks([...plan.nodes.map((node) => node.link), plan.bridge]);
  for (const node of plan.nodes) await removeCgroup(node.cgroup);
  await rm(state, { recursive: true, force: true });
  await removeClaim(plan.slot);
};

const requireRoot = (): void => {
  if (process.getuid?.() === 0) return;
  throw new Error(
    'the built-in cluster makes network namespaces and mounts, which needs root: run the command with sudo, ' +
      'or start Docker to use kind, or set KUBECONFIG to use a cluster that you have',
  );
};

/**
 * A real Kubernetes with three zones on this machine, without Docker: the control plane in the machine's own
 * namespaces, and a network, PID and mount namespace for each node.
 */
export const createBuiltInDriver = ({ stateRoot, ensureBinaries }: BuiltInSettings): ClusterDriver => {
  const located = async (name: string): Promise<{ readonly plan: ClusterPlan; readonly paths: ClusterPaths }> => {
    const claim = await findClaim(name);
    if (claim === undefined) throw new Error(`the cluster ${name} is not up`);
    const { directory } = await ensureBinaries(() => {});
    return { plan: buildClusterPlan(name, claim.slot), paths: { state: claim.state, binaries: directory } };
  };

  const stop = async (name: string): Promise<Outcome> => {
    requireRoot();
    const claim = await findClaim(name);
    await endStarter(claim);
    // Without a claim there is nothing but, perhaps, the folder of a cluster that was up before a reboot.
    if (claim === undefined) await rm(path.join(stateRoot, name), { recursive: true, force: true });
    else await remove(buildClusterPlan(name, claim.slot), claim.state);
    return done;
  };

  const find = async (name: string): Promise<Cluster | undefined> => {
    const claim = await findClaim(name);
    if (claim?.ready !== true) return undefined;
    const kubeconfigPath = kubeconfigOf(claim.state);
    const reachable = await access(kubeconfigPath)
      .then(() => observeCluster(kubeconfigPath))
      .catch(() => undefined);
    if (reachable === undefined) return undefined;
    const { version } = reachable;
    return { name, driver: 'built-in', kubeconfigPath, nodes: buildClusterPlan(name, claim.slot).nodes, version };
  };

  return {
    stop,
    find,
    start: async (options) => {
      requireRoot();
      const { name, progress } = options;
      const existing = await find(name);
      if (existing !== undefined) {
        for (const archive of options.images) {
          const { plan, paths } = await located(name);
          await storeImage(plan, paths, archive);
        }
        if (options.dnsRewrites !== undefined) await applyDnsRewrites(existing.kubeconfigPath, options.dnsRewrites);
        return existing;
      }
      const binaries = await progress.step('kubernetes', async (detail) => {
        const ensured = await ensureBinaries(() => {
          progress.note('compiling Kubernetes from its Go modules: 4 to 10 minutes, this once');
        });
        detail(`${ensured.version} built-in${ensured.built ? ', built; next time from the cache' : ''}`);
        return ensured;
      });
      const pause = await ensurePauseImage(binaries);
      return progress.step('cluster', async (detail) => {
        if ((await findStarter(await findClaim(name))) !== undefined) {
          throw new Error(`another process is starting the cluster ${name}: wait for it, or end it with "down"`);
        }
        await stop(name);
        const state = path.join(stateRoot, name);
        const plan = await claimSlot(name, state);
        const paths = { state, binaries: binaries.directory };
        try {
          await prepare(plan, paths, [pause, ...options.images]);
          await giveKubeconfigToCaller(state, process.env);
          await run(plan, paths, options);
        } catch (cause) {
          await endStart({ name, slot: plan.slot, state, ready: false });
          const reason = cause instanceof Error ? cause.message : String(cause);
          const logs = `${path.join(state, 'logs')} and ${path.join(state, 'node-*/log')}`;
          throw new Error(`${reason} (logs are in ${logs}; "down" removes all)`, { cause });
        }
        await endStart({ name, slot: plan.slot, state, ready: true });
        detail(`${plan.nodes.length} nodes in ${plan.nodes.map(({ zone }) => zone).join(', ')}`);
        const { version } = binaries;
        return { name, driver: 'built-in', kubeconfigPath: kubeconfigOf(state), nodes: plan.nodes, version };
      });
    },
    loadImage: async ({ name }, archive) => {
      const { plan, paths } = await located(name);
      await storeImage(plan, paths, archive);
      return done;
    },
    killZone: async ({ name }, zone) => {
      const { plan } = await located(name);
      await stopNode(plan, nodeOfZone(plan, zone));
      return done;
    },
    startZone: async ({ name, kubeconfigPath }, zone) => {
      const { plan, paths } = await located(name);
      const node = nodeOfZone(plan, zone);
      if (await isRunning(plan, node)) return done;
      const since = new Date();
      await startNode(plan, paths, node);
      await waitForNode(kubeconfigPath, node.name, since);
      return done;
    },
    setDnsRewrites: async ({ kubeconfigPath }, rewrites) => {
      await applyDnsRewrites(kubeconfigPath, rewrites);
      return done;
    },
  };
};
