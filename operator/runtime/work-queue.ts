import { type BackoffLimits, backoffDelay } from './backoff.ts';
import type { Clock } from './clock.ts';

/** `high`: something has just changed. `low`: the start's list and relists, which may be thousands. */
export type Priority = 'high' | 'low';

/** What a queue tells its metrics; times in seconds. */
export interface WorkQueueObserver {
  added(): void;
  depth(depth: number): void;
  /** The key waited this long until it was taken. */
  taken(waitedSeconds: number): void;
  /** The key was worked on for this long. */
  done(workedSeconds: number): void;
  retried(): void;
}

/** Options of {@link WorkQueue}. */
export interface WorkQueueOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly backoff?: BackoffLimits;
  readonly observer?: WorkQueueObserver;
}

interface Waiting {
  readonly priority: Priority;
  /** Monotonic ms. */
  readonly since: number;
}

const defaultBackoff: BackoffLimits = { baseMs: 200, maxMs: 60_000 };

// One in so many takes prefers the low level, so that a steady stream of changes cannot starve it.
const lowTurn = 8;

/**
 * Keys to work on. A key waits at most once, however often it is added, and is never handed out while somebody still
 * works on it: added meanwhile, it waits again after `done`.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #backoff: BackoffLimits;
  readonly #observer: WorkQueueObserver | undefined;

  /** Ready to be taken, in order of arrival; a Map keeps insertion order. */
  readonly #waiting: Readonly<Record<Priority, Map<string, Waiting>>> = { high: new Map(), low: new Map() };
  /** Being worked on, since (monotonic ms). */
  readonly #processing = new Map<string, number>();
  /** Added while being worked on. */
  readonly #dirty = new Map<string, Waiting>();
  readonly #delayed = new Map<string, { due: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: (() => void)[] = [];
  #takes = 0;
  #shutDown = false;

  constructor({ clock, random, backoff = defaultBackoff, observer }: WorkQueueOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#backoff = backoff;
    this.#observer = observer;
  }

  /** Keys that wait to be taken now; delayed ones and those being worked on do not count. */
  get depth(): number {
    return this.#waiting.high.size + this.#waiting.low.size;
  }

  /** Adds `key` for now. A key that waits at `low` is raised by `high`. */
  add(key: string, priority: Priority = 'high'): void {
    if (this.#shutDown) return;
    const waiting = { priority, since: this.#clock.monotonic() };
    if (this.#processing.has(key)) this.#markDirty(key, waiting);
    else this.#enqueue(key, waiting);
  }

  /** Adds `key` in `delayMs`; of several delays the earliest counts. Taking the key before drops the delay. */
  addAfter(key: string, delayMs: number, priority: Priority = 'high'): void {
    if (this.#shutDown) return;
    const due = this.#clock.monotonic() + delayMs;
    const earlier = this.#delayed.get(key);
    if (earlier !== undefined && earlier.due <= due) return;
    earlier?.cancel();
    const cancel = this.#clock.schedule(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key, priority);
    });
    this.#delayed.set(key, { due, cancel });
  }

  /** Adds `key` after its backoff, which doubles at each call until `forget`; at least `minimumMs`. */
  addAfterFailure(key: string, minimumMs = 0): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#observer?.retried();
    this.addAfter(key, Math.max(minimumMs, backoffDelay(this.#backoff, failures, this.#random)));
  }

  /** Ends the backoff of `key`: it succeeded, or is gone. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often in a row `key` failed. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Waits for the next key; `undefined` when the queue was shut down. The taker owes a `done`. */
  async take(): Promise<string | undefined> {
    while (!this.#shutDown) {
      const key = this.#next();
      if (key !== undefined) return key;
      await new Promise<void>((resolve) => this.#takers.push(resolve));
    }
    return undefined;
  }

  /** The work on `key` ended, well or not. */
  done(key: string): void {
    const startedAt = this.#processing.get(key);
    if (startedAt === undefined) return;
    this.#processing.delete(key);
    this.#observer?.done((this.#clock.monotonic() - startedAt) / 1_000);
    const again = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (again !== undefined) this.#enqueue(key, again);
  }

  /** Hands out no more keys and takes in none; takers get `undefined`. */
  shutDown(): void {
    this.#shutDown = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const wake of this.#takers.splice(0)) wake();
  }

  #markDirty(key: string, waiting: Waiting): void {
    const before = this.#dirty.get(key);
    if (before === undefined || (before.priority === 'low' && waiting.priority === 'high')) {
      this.#dirty.set(key, waiting);
    }
  }

  #enqueue(key: string, waiting: Waiting): void {
    if (this.#shutDown || this.#waiting.high.has(key)) return;
    const atLow = this.#waiting.low.get(key);
    if (atLow !== undefined && waiting.priority === 'low') return;
    this.#waiting.low.delete(key);
    this.#waiting[waiting.priority].set(key, { ...waiting, since: atLow?.since ?? waiting.since });
    if (atLow === undefined) this.#observer?.added();
    this.#observer?.depth(this.depth);
    this.#takers.shift()?.();
  }

  #next(): string | undefined {
    const { high, low } = this.#waiting;
    const preferLow = low.size > 0 && (high.size === 0 || this.#takes % lowTurn === lowTurn - 1);
    const level = preferLow ? low : high;
    const [entry] = level;
    if (entry === undefined) return undefined;
    const [key, { since }] = entry;
    const now = this.#clock.monotonic();
    level.delete(key);
    this.#takes += 1;
    this.#processing.set(key, now);
    // The work that begins now decides anew when to come back.
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
    this.#observer?.depth(this.depth);
    this.#observer?.taken((now - since) / 1_000);
    return key;
  }
}
