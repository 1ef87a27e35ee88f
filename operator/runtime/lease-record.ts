/** `spec` of a coordination.k8s.io/v1 Lease, as far as leader election uses it. */
export interface LeaseRecord {
  /** Empty or missing: nobody holds it. */
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  /** MicroTime. */
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** A record as this process sees it. */
export interface ObservedLease {
  readonly record: LeaseRecord;
  /** When this process first saw this very version, on its own monotonic clock in ms. */
  readonly changedAt: number;
}

/** What to do about the lease now. */
export type LeaseDecision = 'create' | 'acquire' | 'renew' | 'wait';

/** When a holder counts as dead if its record has not changed until then, on the same clock as `changedAt`. */
const expiryOf = ({ record, changedAt }: ObservedLease, leaseDurationMs: number): number =>
  // A holder of another version may have promised a longer one.
  changedAt + Math.max(leaseDurationMs, (record.leaseDurationSeconds ?? 0) * 1_000);

/**
 * How long to wait with the next look at another's lease: `retryMs`, or less where it ends before, so that the end of a
 * dead holder's is not noticed later than need be. ms
 */
export const nextLookMs = (
  observed: ObservedLease | undefined,
  leaseDurationMs: number,
  retryMs: number,
  monotonicNow: number,
): number => {
  const remaining = observed === undefined ? 0 : expiryOf(observed, leaseDurationMs) + 1 - monotonicNow;
  return remaining > 0 ? Math.min(retryMs, remaining) : retryMs;
};

/**
 * Decides by the local clock alone: a holder is dead when its record has not changed for a whole lease duration since
 * this process saw it change. Timestamps in the record are never compared with a clock, so clocks may differ.
 */
export const decideLease = (
  observed: ObservedLease | undefined,
  identity: string,
  leaseDurationMs: number,
  monotonicNow: number,
): LeaseDecision => {
  if (observed === undefined) return 'create';
  const { record } = observed;
  if (record.holderIdentity === identity) return 'renew';
  if (record.holderIdentity === undefined || record.holderIdentity === '') return 'acquire';
  return monotonicNow > expiryOf(observed, leaseDurationMs) ? 'acquire' : 'wait';
};

/** A time as Lease and Event fields want it: microseconds, UTC. */
export const microTime = (epochMs: number): string => new Date(epochMs).toISOString().replace('Z', '000Z');

/** The record after `identity` acquired or renewed it at `epochMs`. */
export const nextLeaseRecord = (
  before: LeaseRecord | undefined,
  identity: string,
  leaseDurationMs: number,
  epochMs: number,
): LeaseRecord => {
  const renewed = { holderIdentity: identity, leaseDurationSeconds: Math.ceil(leaseDurationMs / 1_000) };
  const now = microTime(epochMs);
  if (before?.holderIdentity === identity) return { ...before, ...renewed, renewTime: now };
  const leaseTransitions = before === undefined ? 0 : (before.leaseTransitions ?? 0) + 1;
  return { ...renewed, acquireTime: now, renewTime: now, leaseTransitions };
};
