import { access, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { findCommand } from '../../tools/machine/command.ts';
import type { Go } from '../../tools/machine/go.ts';
import type { Cluster, ClusterDriver, Outcome } from './driver.ts';
import { applyDnsRewrites, observeCluster, waitForDns, waitForNode, waitForNodes } from './kubernetes-api.ts';

const kindVersion = 'v0.33.0';

/** Whether a Docker daemon answers on this machine. */
export const dockerAnswers = async (env: NodeJS.ProcessEnv): Promise<boolean> => {
  const docker = await findCommand('docker', env);
  if (docker === undefined) return false;
  const { exitCode } = await execa(docker, ['version', '--format', '{{.Server.Version}}'], { reject: false });
  return exitCode === 0;
};

/** What the driver is told by its surroundings. */
export interface KindSettings {
  /** The folder under which each cluster has its kubeconfig, by name. */
  readonly stateRoot: string;
  /** The folder for kind's binary. */
  readonly cache: string;
  /** kind's cluster configuration: three workers, labelled with their zones. */
  readonly configuration: string;
  readonly ensureGo: () => Promise<Go>;
}

const done: Outcome = { ok: true };

/** The cluster as kind makes it, in Docker: a control plane and three workers, one in each zone. */
export const createKindDriver = ({ stateRoot, cache, configuration, ensureGo }: KindSettings): ClusterDriver => {
  const kubeconfigOf = (name: string) => path.join(stateRoot, name, 'kubeconfig');

  const ensureKind = async (): Promise<string> => {
    const directory = path.join(cache, `kind-${kindVersion}`);
    const command = path.join(directory, 'kind');
    const installed = await access(command).then(
      () => true,
      () => false,
    );
    if (installed) return command;
    const go = await ensureGo();
    await execa(go.command, ['install', `sigs.k8s.io/kind@${kindVersion}`], {
      env: { GOBIN: directory, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' },
    });
    return command;
  };

  const observe = async (name: string): Promise<Cluster> => {
    const kubeconfigPath = kubeconfigOf(name);
    const { version, nodes } = await observeCluster(kubeconfigPath);
    return { name, driver: 'kind', kubeconfigPath, version, nodes };
  };

  const loadImage = async (name: string, archive: string): Promise<Outcome> => {
    await execa(await ensureKind(), ['load', 'image-archive', archive, '--name', name]);
    return done;
  };

  const nodeOfZone = (cluster: Cluster, zone: number): string => {
    const node = cluster.nodes.find((one) => one.zone === `zone-${zone}`);
    if (node === undefined) throw new Error(`there is no zone ${zone}: use 1, 2 or 3`);
    return node.name;
  };

  return {
    find: (name) => observe(name).catch(() => undefined),
    start: ({ name, images, dnsRewrites, progress }) =>
      progress.step('cluster', async (detail) => {
        const kind = await ensureKind();
        const kubeconfigPath = kubeconfigOf(name);
        await mkdir(path.dirname(kubeconfigPath), { recursive: true });
        const { stdout } = await execa(kind, ['get', 'clusters']);
        if (stdout.split('\n').includes(name)) {
          await execa(kind, ['export', 'kubeconfig', '--name', name, '--kubeconfig', kubeconfigPath]);
        } else {
          const options = ['--name', name, '--config', configuration, '--kubeconfig', kubeconfigPath];
          await execa(kind, ['create', 'cluster', ...options, '--wait', '120s']);
        }
        await waitForNodes(kubeconfigPath, 4);
        for (const archive of images) await loadImage(name, archive);
        if (dnsRewrites !== undefined) await applyDnsRewrites(kubeconfigPath, dnsRewrites);
        await waitForDns(kubeconfigPath);
        detail('kind in Docker: 3 workers in zone-1, zone-2, zone-3');
        return observe(name);
      }),
    stop: async (name) => {
      await execa(await ensureKind(), ['delete', 'cluster', '--name', name, '--kubeconfig', kubeconfigOf(name)]);
      return done;
    },
    loadImage: ({ name }, archive) => loadImage(name, archive),
    killZone: async (cluster, zone) => {
      await execa('docker', ['kill', nodeOfZone(cluster, zone)]);
      return done;
    },
    startZone: async (cluster, zone) => {
      const node = nodeOfZone(cluster, zone);
      const since = new Date();
      await execa('docker', ['start', node]);
      await waitForNode(cluster.kubeconfigPath, node, since);
      return done;
    },
    setDnsRewrites: async ({ kubeconfigPath }, rewrites) => {
      await applyDnsRewrites(kubeconfigPath, rewrites);
      return done;
    },
  };
};
