import { isDeepStrictEqual } from 'node:util';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IPod } from 'kubernetes-models/v1';
import { waitUntil } from '../../../e2e/cluster/wait.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { builtInResources } from '../../runtime/resource-kind.ts';
import type { LifeStep } from '../traffic/tenant-life.ts';
import type { World } from '../world.ts';
import { buildLedger, type compareLedgers, type Ledger } from './ledger.ts';
import { type NamespaceState, readNamespaceState } from './namespace-state.ts';
import { isReady, writesWhenDone } from './quiet.ts';

/** What a step leads to when nothing goes wrong. */
export type Expected = { readonly state: NamespaceState; readonly ledger: Ledger };

const patience = 90_000;

/** One line for each path at which two values differ, at most so many. */
export const describeDifferences = (expected: unknown, found: unknown, path = ''): string[] => {
  if (isDeepStrictEqual(expected, found)) return [];
  const areFields = [expected, found].every((value) => typeof value === 'object' && value !== null);
  if (!areFields) return [`${path}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`];
  // Both are objects or arrays: read by any key, each member stays unknown.
  const [one, other] = [expected, found] as [Record<string, unknown>, Record<string, unknown>];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((name) =>
    describeDifferences(one[name], other[name], `${path}/${name}`),
  );
};

const maxDifferences = 20;

const logLines = 15;

/** That a kind was listed says nothing here. */
const notes = (log: string): string[] =>
  log
    .trim()
    .split('\n')
    .filter((line) => !line.includes('"msg":"listed"'))
    .slice(-logLines);

/** What somebody would look at next: the pods, and the last that the operator said. */
export const describeWorld = async ({ cluster, namespace, present }: World): Promise<string[]> => {
  const { items } = await cluster.client.list<LiveObject & IPod>(builtInResources.pods, { namespace });
  const pods = items.map(({ metadata, spec, status }) => `pod ${metadata.name}: ${status?.phase} on ${spec?.nodeName}`);
  const deployments = (await cluster.client.list<LiveObject & IDeployment>(builtInResources.deployments, { namespace }))
    .items;
  const rollouts = deployments.map(({ metadata, status }) => `${metadata.name}: ${JSON.stringify(status)}`);
  return [...rollouts, ...pods, ...notes((await present()).operator.log())];
};

/**
 * Waits until a world is as expected.
 * @returns what is otherwise when that does not come to pass, or what was written that should not have been, else nothing.
 */
export const findDeviations = async (
  world: World,
  step: LifeStep,
  expected: Expected,
  compare: typeof compareLedgers,
): Promise<string[]> => {
  let state: NamespaceState = {};
  const isAsExpected = async (): Promise<boolean> => {
    if (step.leadsTo === 'ready' && !(await isReady(world))) return false;
    state = await readNamespaceState(world.cluster.client, world.namespace);
    return isDeepStrictEqual(state, expected.state);
  };
  try {
    await waitUntil('the end state', patience, isAsExpected, 30);
  } catch {
    state = await readNamespaceState(world.cluster.client, world.namespace);
    return [...describeDifferences(expected.state, state).slice(0, maxDifferences), ...(await describeWorld(world))];
  }
  const late = await writesWhenDone(world, step);
  return [
    ...late.map((write) => `written when all was done: ${write}`),
    ...compare(expected.ledger, buildLedger(world.calls())).slice(0, maxDifferences),
  ];
};
