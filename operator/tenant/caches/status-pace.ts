import { LRUCache } from 'lru-cache';
import type { TenantStatus } from '../../api/tenant-status.ts';

/**
 * Keeps reports of mere progress apart, so that a tenant that is being made, or that rolls, does not cost a write for each
 * pod. What people wait for is told at once.
 */
export type StatusPace = {
  /** How long to wait with telling `next` after `before`, ms; 0 for now. `uid`: the tenant's. */
  readonly delay: (uid: string, before: TenantStatus, next: TenantStatus) => number;
  /** A status of this tenant was written. */
  readonly told: (uid: string) => void;
};

/** Between two reports of progress. */
const paceMilliseconds = 2_000;
const maxTenants = 10_000;

const summaryTypes = ['Ready', 'Reconciling', 'Stalled'];

/** What is told without delay: which generation it is about, and how the tenant stands. */
const milestoneOf = ({ observedGeneration, conditions = [] }: TenantStatus): string =>
  JSON.stringify([
    observedGeneration,
    conditions
      .filter(({ type }) => summaryTypes.includes(type))
      .map(({ type, status, reason }) => (type === 'Reconciling' ? [type, status] : [type, status, reason])),
  ]);

/** @param monotonic the time, ms. */
export const createStatusPace = (monotonic: () => number): StatusPace => {
  const lastTold = new LRUCache<string, number>({ max: maxTenants });
  return {
    delay: (uid, before, next) => {
      if (milestoneOf(before) !== milestoneOf(next)) return 0;
      const last = lastTold.get(uid);
      return last === undefined ? 0 : Math.max(0, last + paceMilliseconds - monotonic());
    },
    told: (uid) => {
      lastTold.set(uid, monotonic());
    },
  };
};
