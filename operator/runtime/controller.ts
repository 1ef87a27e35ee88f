import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import { hasReason, KubernetesError } from './kubernetes-error.ts';
import type { WorkQueue } from './work-queue.ts';

/** What a reconcile asks for. Without any of these the key comes back only when something changes. */
export interface ReconcileResult {
  /** ms. */
  readonly requeueAfter?: number;
  /** What it needs did not answer, which is no error: it comes back as after one, each time later. */
  readonly backOff?: true;
}

/**
 * Brings one key to its desired state. It is level-triggered: it reads what is, whatever the event was.
 * `signal` aborts at the key's timeout or when leadership was lost: nothing may be written after.
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<ReconcileResult>;

/** `controller_runtime_reconcile_total{result}`. */
export type ReconcileOutcome = 'success' | 'requeue_after' | 'error';

/** What a controller tells its metrics; seconds. */
export interface ControllerObserver {
  reconciled(outcome: ReconcileOutcome, seconds: number): void;
  activeWorkers(count: number): void;
}

/** Options of {@link runController}. */
export interface ControllerOptions {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly reconcile: Reconcile;
  /** How many keys are worked on at a time. */
  readonly concurrency: number;
  /** So many of these are kept free for what is urgent, which then waits for no other key to end; 0. */
  readonly reserved?: number;
  /** For one reconcile, ms. */
  readonly timeoutMs: number;
  /** Orderly stop: no more keys are taken, those in flight finish. */
  readonly stop: AbortSignal;
  /** Immediate stop: reconciles in flight are aborted, for leadership is lost. */
  readonly abort?: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer?: ControllerObserver;
}

class ReconcileTimeoutError extends Error {
  override readonly name = 'ReconcileTimeoutError';
}

// An await in between turns a synchronous throw into a rejection, so that no reconcile can take a worker down.
const isolated = async (reconcile: Reconcile, key: string, signal: AbortSignal): Promise<ReconcileResult> => {
  signal.throwIfAborted();
  return await reconcile(key, signal);
};

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/**
 * Works on the queue's keys until `stop` or `abort`; resolves when no reconcile is in flight any more.
 * A reconcile that ignores its timeout is left behind: its worker goes on with other keys, but its own key stays taken
 * until it settles, so that a key never runs twice at once.
 */
export const runController = async (options: ControllerOptions): Promise<void> => {
  const { name, queue, reconcile, clock, observer } = options;
  const log = options.log.child({ controller: name });
  let active = 0;

  const settle = (key: string, result: ReconcileResult): ReconcileOutcome => {
    if (result.backOff === true) {
      queue.addAfterFailure(key);
      return 'requeue_after';
    }
    queue.forget(key);
    if (result.requeueAfter === undefined) return 'success';
    queue.addAfter(key, result.requeueAfter);
    return 'requeue_after';
  };

  const fail = (key: string, error: unknown): ReconcileOutcome => {
    const retryAfterSeconds = error instanceof KubernetesError ? error.retryAfterSeconds : undefined;
    queue.addAfterFailure(key, (retryAfterSeconds ?? 0) * 1_000);
    const event = { key, err: error, failures: queue.failures(key) };
    // A conflict is the ordinary end of a race: the next try reads anew.
    if (hasReason(error, 'Conflict')) log.debug(event, 'reconcile conflicted');
    else log.error(event, 'reconcile failed');
    return 'error';
  };

  const work = async (key: string): Promise<void> => {
    const startedAt = clock.monotonic();
    const timeout = new AbortController();
    const cancelTimeout = clock.schedule(options.timeoutMs, () =>
      timeout.abort(new ReconcileTimeoutError(`${name} ${key} took more than ${options.timeoutMs} ms`)),
    );
    const signal = options.abort === undefined ? timeout.signal : AbortSignal.any([timeout.signal, options.abort]);
    const running = isolated(reconcile, key, signal);
    const outcome = await Promise.race([running, aborted(signal)]).then(
      (result) => settle(key, result),
      (error: unknown) => fail(key, error),
    );
    cancelTimeout();
    observer?.reconciled(outcome, (clock.monotonic() - startedAt) / 1_000);
    running.then(
      () => queue.done(key),
      () => queue.done(key),
    );
  };

  const worker = async (take: () => Promise<string | undefined>): Promise<void> => {
    for (let key = await take(); key !== undefined; key = await take()) {
      active += 1;
      observer?.activeWorkers(active);
      await work(key);
      active -= 1;
      observer?.activeWorkers(active);
    }
  };

  const stop = options.abort === undefined ? options.stop : AbortSignal.any([options.stop, options.abort]);
  const shutDown = (): void => queue.shutDown();
  if (stop.aborted) shutDown();
  stop.addEventListener('abort', shutDown, { once: true });
  const { concurrency, reserved = 0 } = options;
  await Promise.all(
    Array.from({ length: concurrency }, (_, index) =>
      worker(index < reserved ? () => queue.takeUrgent() : () => queue.take()),
    ),
  );
};
