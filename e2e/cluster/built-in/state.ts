import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import type { ClusterPaths } from './node.ts';
import { buildClusterPlan, type ClusterPlan, collides, preferredSlots } from './plan.ts';
import { type OwnedProcess, startTimeOf } from './processes.ts';

/**
 * Claims say which cluster holds which slot of this machine. They stand in /run, which is emptied by a reboot, as are
 * the links and processes that they stand for, and are written before anything else is made: from a claim alone `down`
 * knows every name that may have to be removed.
 */
const claimsDirectory = '/run/identity-operator/clusters';

const claimSchema = z.object({
  name: z.string(),
  slot: z.number().int(),
  /** Holds everything that the cluster writes. */
  state: z.string(),
  /** The folder of the binaries that it was started with: a newer build must not be mixed in. */
  binaries: z.string(),
  /** False until all of the cluster works. */
  ready: z.boolean(),
  /** The process that is starting the cluster; absent when it has succeeded or given up. */
  starter: z.object({ pid: z.number().int(), startedAt: z.string() }).optional(),
});

/** What a cluster holds of this machine. */
export type Claim = z.infer<typeof claimSchema>;

const claimFile = (slot: number) => path.join(claimsDirectory, `${slot}.json`);

const readClaims = async (): Promise<readonly Claim[]> => {
  const files = await readdir(claimsDirectory).catch(() => []);
  const claims: Claim[] = [];
  for (const file of files) {
    const text = await readFile(path.join(claimsDirectory, file), 'utf8').catch(() => '');
    // Empty: somebody is writing it this very moment.
    if (text !== '') claims.push(claimSchema.parse(JSON.parse(text)));
  }
  return claims;
};

/** The claim of a cluster, if it has one. */
export const findClaim = async (name: string): Promise<Claim | undefined> =>
  (await readClaims()).find((claim) => claim.name === name);

const routeSchema = z.array(z.object({ dst: z.string() }));

const observeRoutes = async (): Promise<readonly string[]> => {
  const { stdout } = await execa('ip', ['-json', '-4', 'route']);
  return routeSchema.parse(JSON.parse(stdout === '' ? '[]' : stdout)).map(({ dst }) => dst);
};

/** Claims a free slot for a cluster that this process is about to start. */
export const claimSlot = async (name: string, paths: ClusterPaths): Promise<ClusterPlan> => {
  await mkdir(claimsDirectory, { recursive: true });
  const routes = await observeRoutes();
  const startedAt = (await startTimeOf(process.pid)) ?? '';
  for (const slot of preferredSlots(name)) {
    const plan = buildClusterPlan(name, slot);
    if (collides(plan, routes)) continue;
    const claim: Claim = { ...paths, name, slot, ready: false, starter: { pid: process.pid, startedAt } };
    // wx: of two that want the slot one gets it.
    const claimed = await writeFile(claimFile(slot), JSON.stringify(claim), { flag: 'wx' }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    if (claimed) return plan;
  }
  throw new Error('all addresses for local clusters are taken on this machine');
};

/** Notes how the start ended: from now on nothing is being made for the cluster. */
export const endStart = async (claim: Omit<Claim, 'starter'>): Promise<void> => {
  const { name, slot, state, binaries, ready } = claim;
  await writeFile(claimFile(slot), JSON.stringify({ name, slot, state, binaries, ready } satisfies Claim));
};

/** The process that is starting the cluster right now, if there is one. */
export const findStarter = async (claim: Claim | undefined): Promise<OwnedProcess | undefined> => {
  const starter = claim?.starter;
  if (starter === undefined || (await startTimeOf(starter.pid)) !== starter.startedAt) return undefined;
  return { ...starter, part: 'starter' };
};

/** Gives the slot back, as the last step of removing a cluster. */
export const removeClaim = async (slot: number): Promise<void> => {
  await rm(claimFile(slot), { force: true });
};
