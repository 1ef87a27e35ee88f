/** Time as a parameter, so that tests simulate it. */
export interface Clock {
  /** Wall clock, ms since the epoch: only for what others read (events, Lease fields). */
  now(): number;
  /** Steadily growing ms from an arbitrary origin: for every duration and deadline. */
  monotonic(): number;
  /** Calls `callback` once after `delayMs`, however long that is; the answer cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}

// Node's timers count in 31 bits: a longer one (24.8 days) would fire at once.
const longestTimerMs = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule: (delayMs, callback) => {
    const wait = (remainingMs: number): void => {
      timer =
        remainingMs <= longestTimerMs
          ? setTimeout(callback, remainingMs)
          : setTimeout(() => wait(remainingMs - longestTimerMs), longestTimerMs);
    };
    let timer: NodeJS.Timeout | undefined;
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts. It never rejects: callers look at the signal. */
export const sleep = (clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const wake = (): void => {
      cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.schedule(delayMs, wake);
    signal.addEventListener('abort', wake, { once: true });
  });
