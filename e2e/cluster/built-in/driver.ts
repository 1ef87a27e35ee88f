import { access, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Cluster, ClusterDriver, Outcome } from '../driver.ts';
import type { KubernetesBinaries } from '../kubernetes/build.ts';
import { applyDnsRewrites, observeCluster, waitForNode } from '../kubernetes-api.ts';
import { type ClusterPaths, isRunning, startNode, stopNode, storeImage } from './node.ts';
import { ensurePauseImage } from './pause.ts';
import { buildClusterPlan, type ClusterPlan, nodeOfZone } from './plan.ts';
import { remove } from './remove.ts';
import { kubeconfigOf, prepare, run } from './start.ts';
import { claimSlot, endStart, findClaim, findStarter } from './state.ts';

/** What the driver is told by its surroundings. */
export interface BuiltInSettings {
  /** The folder under which each cluster has its state, by name. */
  readonly stateRoot: string;
  /** Calls `onBuild` before something that takes minutes. */
  readonly ensureBinaries: (onBuild: () => void) => Promise<KubernetesBinaries>;
}

const done: Outcome = { ok: true };

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
    return { plan: buildClusterPlan(name, claim.slot), paths: claim };
  };

  const stop = async (name: string): Promise<Outcome> => {
    requireRoot();
    const claim = await findClaim(name);
    // Without a claim there is nothing but, perhaps, the folder of a cluster that was up before a reboot.
    if (claim === undefined) await rm(path.join(stateRoot, name), { recursive: true, force: true });
    else await remove(claim);
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
        const paths = { state, binaries: binaries.directory };
        const plan = await claimSlot(name, paths);
        try {
          await prepare(plan, paths, [pause, ...options.images]);
          await run(plan, paths, options);
        } catch (cause) {
          await endStart({ ...paths, name, slot: plan.slot, ready: false });
          const reason = cause instanceof Error ? cause.message : String(cause);
          const logs = `${path.join(state, 'logs')} and ${path.join(state, 'node-*/log')}`;
          throw new Error(`${reason} (logs are in ${logs}; "down" removes all)`, { cause });
        }
        await endStart({ ...paths, name, slot: plan.slot, ready: true });
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
