// npm run cluster -- COMMAND: a Kubernetes with three zones on this machine. See README.md.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createProgress } from '../../tools/machine/progress.ts';
import {
  chooseDriver,
  defaultClusterName,
  findCluster,
  killZone,
  loadImage,
  locateDriver,
  startCluster,
  startZone,
  stopCluster,
} from './cluster.ts';
import type { Cluster, DriverName, Outcome } from './driver.ts';
import { observeCluster } from './kubernetes-api.ts';

const usage = `usage: npm run cluster -- COMMAND [--name NAME] [--driver built-in|kind|existing]
  up                      start a cluster with three zones, or say where it is
  down                    remove it, with all that it left on this machine
  status                  its nodes
  kubeconfig              the path of its kubeconfig
  load-image ARCHIVE.tar  put an image (docker-archive) into every node
  kill-zone N             cut the power of zone 1, 2 or 3
  start-zone N            give it back`;

/** A mistake of the caller: shown without a stack. */
class UsageError extends Error {}

interface Target {
  readonly name: string;
  readonly driver: DriverName;
}

type Command = (target: Target, argument: string | undefined) => Promise<void>;

const print = (text: string) => process.stdout.write(`${text}\n`);

const requireCluster = async ({ name, driver }: Target): Promise<Cluster> => {
  const cluster = await findCluster(name, driver);
  if (cluster === undefined) throw new UsageError(`the cluster ${name} is not up: npm run cluster -- up`);
  return cluster;
};

const requireZone = (argument: string | undefined): number => {
  const zone = z.coerce.number().int().min(1).max(3).safeParse(argument);
  if (!zone.success) throw new UsageError('name a zone: 1, 2 or 3');
  return zone.data;
};

const demand = (outcome: Outcome): void => {
  if (!outcome.ok) throw new UsageError(outcome.reason);
};

/** Ctrl-C in the middle of a start removes what was started. A second one ends at once; `down` then does the rest. */
const removeWhenInterrupted = ({ name, driver }: Target): (() => void) => {
  const interrupted = (): void => {
    process.removeListener('SIGINT', interrupted);
    process.removeListener('SIGTERM', interrupted);
    print('  interrupted: removing what was started');
    stopCluster(name, driver).then(
      () => process.exit(130),
      (error: unknown) => {
        print(String(error));
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', interrupted);
  return () => {
    process.removeListener('SIGINT', interrupted);
    process.removeListener('SIGTERM', interrupted);
  };
};

const commands: Readonly<Record<string, Command>> = {
  up: async (target) => {
    const forget = removeWhenInterrupted(target);
    const cluster = await startCluster({ ...target, progress: createProgress() });
    forget();
    print(`\n  export KUBECONFIG=${cluster.kubeconfigPath}`);
  },
  down: async ({ name, driver }) => {
    await createProgress().step('cluster', async (detail) => {
      demand(await stopCluster(name, driver));
      detail(`${name} removed`);
    });
  },
  status: async (target) => {
    const cluster = await requireCluster(target);
    const { nodes, version, server } = await observeCluster(cluster.kubeconfigPath);
    print(`${cluster.name}: ${version}, ${cluster.driver}, ${server}`);
    for (const { name, zone, address, ready } of nodes) {
      print(`  ${name.padEnd(16)} ${zone.padEnd(8)} ${address.padEnd(15)} ${ready ? 'Ready' : 'NotReady'}`);
    }
  },
  kubeconfig: async (target) => {
    print((await requireCluster(target)).kubeconfigPath);
  },
  'load-image': async (target, archive) => {
    if (archive === undefined) throw new UsageError('name the archive: load-image ARCHIVE.tar');
    const cluster = await requireCluster(target);
    await createProgress().step('image', async (detail) => {
      demand(await loadImage(cluster, path.resolve(process.env['INIT_CWD'] ?? '.', archive)));
      detail(`${path.basename(archive)} in ${cluster.nodes.length} nodes`);
    });
  },
  'kill-zone': async (target, argument) => {
    const zone = requireZone(argument);
    const cluster = await requireCluster(target);
    await createProgress().step('zone', async (detail) => {
      demand(await killZone(cluster, zone));
      detail(`zone-${zone} has no power`);
    });
  },
  'start-zone': async (target, argument) => {
    const zone = requireZone(argument);
    const cluster = await requireCluster(target);
    await createProgress().step('zone', async (detail) => {
      demand(await startZone(cluster, zone));
      detail(`zone-${zone} is back, its node Ready`);
    });
  },
};

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { name: { type: 'string', default: defaultClusterName }, driver: { type: 'string' } },
  });
  const [name = '', argument] = positionals;
  const command = commands[name];
  if (command === undefined) throw new UsageError(usage);
  const given = z.enum(['built-in', 'kind', 'existing']).optional().parse(values.driver);
  const offered = name === 'up' ? chooseDriver(process.env) : locateDriver(values.name, process.env);
  await command({ name: values.name, driver: given ?? (await offered) }, argument);
};

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
