import type { Logger } from 'pino';
import { type Clock, sleep } from './clock.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { hasReason } from './kubernetes-error.ts';
import type { LiveObject } from './kubernetes-object.ts';
import { decideLease, type LeaseRecord, nextLeaseRecord, nextLookMs, type ObservedLease } from './lease-record.ts';
import { builtInResources } from './resource-kind.ts';

/** A time as leader. */
export interface LeadershipTerm {
  /** Aborts as soon as this process can no longer be sure to lead: nothing may be written after. */
  readonly lost: AbortSignal;
  /**
   * Whether this process may write at this very moment, by the clock and not by a timer: after a pause of the whole
   * process (SIGSTOP, a frozen machine) code may run before the timer that aborts `lost`.
   */
  mayWrite(): boolean;
}

/** Options of {@link runLeaderElection}; times in ms. */
export interface LeaderElectionOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'replace'>;
  readonly namespace: string;
  /** The Lease's name. */
  readonly name: string;
  /** Unique among all candidates and over restarts, e.g. pod name + UID. */
  readonly identity: string;
  /** How long others wait for a silent holder; 8 s. */
  readonly leaseDurationMs?: number;
  /** A leader that could not renew for this long gives up; 5 s. Less than the duration, for clocks run unevenly. */
  readonly renewDeadlineMs?: number;
  /** Between tries; 1 s, plus up to a fifth. */
  readonly retryPeriodMs?: number;
  /** Runs while this process leads. Its end ends the term. It has to look at `stop` by itself. */
  readonly lead: (term: LeadershipTerm) => Promise<void>;
  /** Orderly shutdown: a leader renews until `lead` has ended, then releases the lease. */
  readonly stop: AbortSignal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly observer?: { leading(isLeader: boolean): void };
}

/** `stopped`: shut down or `lead` ended by itself; the lease is released. `lost`: another may lead now. */
export type LeaderElectionResult = 'stopped' | 'lost';

interface Lease extends LiveObject {
  readonly spec?: LeaseRecord;
}

class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError';
}

/**
 * Waits for the lease, leads, and ends with the term. Kubernetes has no fencing token: what must not happen twice is
 * to be written with a resourceVersion precondition all the same.
 */
export const runLeaderElection = async (options: LeaderElectionOptions): Promise<LeaderElectionResult> => {
  const { client, namespace, name, identity, clock, stop, observer } = options;
  const { leaseDurationMs = 8_000, renewDeadlineMs = 5_000, retryPeriodMs = 1_000 } = options;
  const log = options.log.child({ lease: `${namespace}/${name}`, identity });
  const reference = { resource: builtInResources.leases, namespace, name };
  let observed: (ObservedLease & { lease: Lease }) | undefined;

  const observe = (lease: Lease | undefined): void => {
    if (lease === undefined) observed = undefined;
    else if (observed?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) {
      observed = { lease, record: lease.spec ?? {}, changedAt: clock.monotonic() };
    }
  };

  const write = async (record: LeaseRecord, signal: AbortSignal): Promise<void> => {
    const apiVersion = builtInResources.leases.apiVersion;
    const requestOptions = { signal, urgent: true };
    if (observed === undefined) {
      const lease = { apiVersion, kind: 'Lease', metadata: { namespace, name }, spec: record };
      return observe(await client.create<Lease>(lease, requestOptions));
    }
    const { resourceVersion } = observed.lease.metadata;
    const lease = { apiVersion, kind: 'Lease', metadata: { namespace, name, resourceVersion }, spec: record };
    observe(await client.replace<Lease>(lease, requestOptions));
  };

  /** Runs `task` with a signal that aborts after the renew deadline, or with `over`. */
  const withDeadline = async <T>(task: (signal: AbortSignal) => Promise<T>, over?: AbortSignal): Promise<T> => {
    const deadline = new AbortController();
    const cancel = clock.schedule(renewDeadlineMs, () => deadline.abort(new Error('lease request timed out')));
    try {
      return await task(over === undefined ? deadline.signal : AbortSignal.any([deadline.signal, over]));
    } finally {
      cancel();
    }
  };

  const read = async (signal: AbortSignal): Promise<void> =>
    observe(await client.get<Lease>(reference, { signal, urgent: true }));

  /** One try to acquire or renew: whether this process holds the lease after it. */
  const attempt = async (signal: AbortSignal): Promise<boolean> => {
    try {
      // Renewing needs no read before: the resourceVersion of the last answer guards it.
      if (observed?.record.holderIdentity !== identity) await read(signal);
      if (decideLease(observed, identity, leaseDurationMs, clock.monotonic()) === 'wait') return false;
      await write(nextLeaseRecord(observed?.record, identity, leaseDurationMs, clock.now()), signal);
      return true;
    } catch (error) {
      // Whether it was written is unknown; the next try reads. The view of another holder's liveness stays.
      if (observed?.record.holderIdentity === identity) observed = undefined;
      const contested = hasReason(error, 'Conflict') || hasReason(error, 'AlreadyExists');
      log[contested ? 'debug' : 'warn']({ err: error }, contested ? 'lease contested' : 'lease not reached');
      return false;
    }
  };

  const retryMs = (): number => retryPeriodMs * (1 + 0.2 * options.random());
  const pause = (signal: AbortSignal): Promise<void> => sleep(clock, retryMs(), signal);

  /** When the lease was last surely ours: before the request was sent, for others count from when they see it. */
  const acquire = async (): Promise<number | undefined> => {
    while (!stop.aborted) {
      const sentAt = clock.monotonic();
      // Not cut short by `stop`: a lease that is taken after all would lie there unreleased.
      if (await withDeadline(attempt)) return sentAt;
      await sleep(clock, nextLookMs(observed, leaseDurationMs, retryMs(), clock.monotonic()), stop);
    }
    return undefined;
  };

  const release = async (): Promise<void> => {
    try {
      await withDeadline(async (signal) => {
        if (observed === undefined) await read(signal);
        if (observed?.record.holderIdentity !== identity) return;
        // One second, as client-go does: whoever reads only the times takes over soon, too.
        await write({ ...observed.record, holderIdentity: '', leaseDurationSeconds: 1 }, signal);
        log.info('lease released');
      });
    } catch (error) {
      log.warn({ err: error }, 'lease not released');
    }
  };

  const acquiredAt = await acquire();
  if (acquiredAt === undefined) return 'stopped';

  let validUntil = acquiredAt + renewDeadlineMs;
  const lost = new AbortController();
  const ended = new AbortController();
  const giveUp = (): void => lost.abort(new LeadershipLostError(`${namespace}/${name} was not renewed in time`));
  const isValid = (): boolean => !lost.signal.aborted && clock.monotonic() < validUntil;
  let cancelDeadline = clock.schedule(validUntil - clock.monotonic(), giveUp);

  const renewUntilEnded = async (): Promise<void> => {
    const over = AbortSignal.any([ended.signal, lost.signal]);
    await pause(over);
    while (!over.aborted) {
      const sentAt = clock.monotonic();
      if (await withDeadline(attempt, lost.signal)) {
        if (!isValid()) return giveUp();
        validUntil = sentAt + renewDeadlineMs;
        cancelDeadline();
        cancelDeadline = clock.schedule(validUntil - clock.monotonic(), giveUp);
      } else if (observed !== undefined && observed.record.holderIdentity !== identity) {
        return giveUp();
      }
      await pause(over);
    }
  };

  log.info('leading');
  observer?.leading(true);
  const renewing = renewUntilEnded();
  try {
    await options.lead({ lost: lost.signal, mayWrite: () => isValid() && !ended.signal.aborted });
  } finally {
    if (!isValid()) giveUp();
    ended.abort();
    await renewing;
    cancelDeadline();
    observer?.leading(false);
    if (lost.signal.aborted) log.warn('leadership lost');
    else await release();
  }
  return lost.signal.aborted ? 'lost' : 'stopped';
};
