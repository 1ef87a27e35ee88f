import type { IJob } from 'kubernetes-models/batch/v1';
import type { TenantStatus } from '../../api/tenant-status.ts';
import type { ObservedPod } from '../observed.ts';
import { findJobEnd, migratePodsOf } from './database-state.ts';

/** The watch of pods may be behind that of Jobs by so much. */
const hearingMilliseconds = 10_000;
/** However often its word was lost: nobody but the next try finds out. */
const longestMilliseconds = 5 * 60_000;

/** A Job waits as long as the tenant has waited for the database before: so tries get fewer. */
const pauseAfter = (endedAt: number, { conditions = [] }: TenantStatus): number => {
  const known = conditions.find(({ type, status }) => type === 'DatabaseReady' && status !== 'True');
  const waited = known === undefined ? 0 : endedAt - Date.parse(known.lastTransitionTime);
  return Math.min(longestMilliseconds, Math.max(hearingMilliseconds, waited));
};

/**
 * When the migrate Job has to be made again, ms since 1970; undefined while it is at work, or has done it. Its word is lost
 * when its pods went while no operator looked; and a Job that has failed, as where somebody limits its tries, makes no more
 * pods. To migrate again is quick, and changes nothing that is done.
 */
export const planMigrationAgain = (
  job: IJob | undefined,
  pods: readonly ObservedPod[],
  status: TenantStatus,
): number | undefined => {
  const failed = findJobEnd(job, 'Failed');
  const isGone = migratePodsOf(pods, job?.metadata?.name ?? '').length === 0;
  const end = failed ?? (isGone ? findJobEnd(job, 'Complete') : undefined);
  // One that goes already comes back by itself.
  if (end === undefined || job?.metadata?.deletionTimestamp !== undefined) return undefined;
  const endedAt = Date.parse(end.lastTransitionTime ?? '');
  return Number.isNaN(endedAt) ? 0 : endedAt + pauseAfter(endedAt, status);
};
