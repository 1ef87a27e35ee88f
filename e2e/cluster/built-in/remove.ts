import { rm } from 'node:fs/promises';
import { removeCgroup } from './cgroups.ts';
import { removeLinks } from './node.ts';
import { buildClusterPlan } from './plan.ts';
import { findProcesses, killProcesses } from './processes.ts';
import { type Claim, findStarter, removeClaim } from './state.ts';

/** Ends whoever is still starting the cluster, so that nothing is made while it is being removed. */
const endStarter = async (claim: Claim): Promise<void> => {
  const starter = await findStarter(claim);
  if (starter !== undefined && starter.pid !== process.pid) await killProcesses([starter]);
};

/**
 * Removes all that a cluster holds of the machine, however far its start had come. Every name follows from the claim,
 * and every process carries the cluster's mark.
 */
export const remove = async (claim: Claim): Promise<void> => {
  const plan = buildClusterPlan(claim.name, claim.slot);
  await endStarter(claim);
  const links = [...plan.nodes.map((node) => node.link), plan.bridge];
  await removeLinks(links); // takes the routes along
  // Again until none is found: one that was being started while we looked shows its mark only a moment later.
  for (let left = await findProcesses(plan.name); left.length > 0; left = await findProcesses(plan.name)) {
    await killProcesses(left);
  }
  await removeLinks(links);
  for (const node of plan.nodes) await removeCgroup(node.cgroup);
  await rm(claim.state, { recursive: true, force: true });
  await removeClaim(claim.slot);
};
