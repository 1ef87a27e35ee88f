import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type BoundProcess, startBoundProcess } from '../../e2e/cluster/bound-process.ts';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import { type FaultProxy, startFaultProxy } from '../testing/fault-proxy.ts';
import type { TestCluster } from '../testing/test-cluster.ts';
import type { RecordedStep } from './crash-suite.ts';
import { type CrashPoint, planCrash } from './failpoint/crash-point.ts';
import { findDeviations } from './validate/end-state.ts';
import { compareLedgers } from './validate/ledger.ts';
import { leaseOf, openWorld, type World } from './world.ts';

const program = path.join(import.meta.dirname, '../main.ts');

/** The program as its image starts it, with nothing of this process. */
const startProcess = async (
  { cluster, namespace }: World,
  proxy: FaultProxy,
  number: number,
): Promise<BoundProcess> => {
  const file = path.join(cluster.plane.directory, `${namespace}-${number}.kubeconfig`);
  await writeFile(file, proxy.kubeconfig, { mode: 0o600 });
  const environment = {
    KUBECONFIG: file,
    POD_NAMESPACE: namespace,
    POD_NAME: `operator-${number}`,
    SERVICES_IMAGE: 'identity-operator:0.1.0',
    SERVICES_VERSION: '0.1.0',
    DATABASE_IMAGE: 'postgres:18',
    PROBE_PORT: '0',
  };
  const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const log = path.join(cluster.plane.directory, 'logs', `${namespace}-${number}.log`);
  return startBoundProcess(`operator ${number} of ${namespace}`, log, ['env', ...words, process.execPath, program]);
};

const patience = 90_000;

/** Where each of a row of processes dies, by its own count of writes. */
export type Deaths = readonly CrashPoint[];

/** Takes a step with processes that are killed one after the other. The last one that dies leaves its lease to run out. */
const dieInStep = async (world: World, one: RecordedStep, deaths: Deaths): Promise<string[]> => {
  world.mark();
  await one.step.act(world);
  for (const [index, death] of deaths.entries()) {
    const proxy = await startFaultProxy({ kubeconfig: world.cluster.plane.kubeconfig, namespace: world.namespace });
    world.watch(proxy);
    proxy.plan = planCrash(death);
    let isDead = false;
    proxy.killed.then(() => {
      isDead = true;
    }, undefined);
    const process = await startProcess(world, proxy, index + 1);
    try {
      await waitUntil(
        `death ${index + 1} in "${one.step.name}"`,
        patience,
        async () => {
          process.assertAlive();
          return isDead;
        },
        20,
      );
    } finally {
      await process.stop();
      await proxy.close();
    }
    if (index + 1 < deaths.length) await world.cluster.client.delete(leaseOf(world.namespace));
  }
  await world.start();
  return findDeviations(world, one.step, one.expected, compareLedgers);
};

/**
 * Leads a tenant through a life with real processes that are killed with SIGKILL.
 * @returns what is otherwise than without deaths; ends with the first step that goes wrong.
 */
export const runLifeWithRestarts = async (
  cluster: TestCluster,
  recorded: readonly RecordedStep[],
  deathsOf: Readonly<Record<string, Deaths>>,
  name: string,
): Promise<string[]> => {
  const world = await openWorld(cluster, name);
  try {
    for (const one of recorded) {
      await world.kill();
      const deviations = await dieInStep(world, one, deathsOf[one.step.name] ?? []);
      if (deviations.length > 0) return [`"${one.step.name}":`, ...deviations];
    }
    return [];
  } finally {
    await world.remove();
  }
};
