import { type BackoffLimits, backoffDelay } from './backoff.ts';
import type { Clock } from './clock.ts';

/**
 * `urgent`: somebody wants something else of what is there already; he waits for it. `normal`: something has happened,
 * as it does by the thousand while many new keys are worked on. `low`: nothing new is known, as after the start's list and
 * relists; it does not take a key that failed out of its backoff.
 */
export type Priority = 'urgent' | 'normal' | 'low';

/** What a queue tells its metrics; times in seconds. */
export interface WorkQueueObserver {
  added(): void;
  depth(depth: number): void;
  /** `key` waited this long until it was taken. */
  taken(key: string, waitedSeconds: number): void;
  /** `key` was worked on for this long. */
  done(key: string, workedSeconds: number): void;
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

const priorities = ['urgent', 'normal', 'low'] as const satisfies readonly Priority[];

const isHigher = (one: Priority, other: Priority): boolean => priorities.indexOf(one) < priorities.indexOf(other);

// Of eight takes one prefers each of the lower levels, so that no steady stream of changes can starve them.
const turns = 8;
const orderOf = (take: number): readonly Priority[] => {
  if (take % turns === turns - 1) return ['low', 'urgent', 'normal'];
  if (take % turns === turns / 2 - 1) return ['normal', 'urgent', 'low'];
  return priorities;
};

interface Taker {
  readonly accepts: (priority: Priority) => boolean;
  readonly wake: () => void;
}

/**
 * Keys to work on. A key waits at most once, however often it is added, and is never handed out while somebody still
 * works on it: added meanwhile, it waits again after `done`. Within a level keys are taken in order of their arrival, so
 * that one that changes all the time waits behind all others of its level each time.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #backoff: BackoffLimits;
  readonly #observer: WorkQueueObserver | undefined;

  /** Ready to be taken, in order of arrival; a Map keeps insertion order. */
  readonly #waiting: Readonly<Record<Priority, Map<string, Waiting>>> = {
    urgent: new Map(),
    normal: new Map(),
    low: new Map(),
  };
  /** Being worked on, since (monotonic ms). */
  readonly #processing = new Map<string, number>();
  /** Added while being worked on. */
  readonly #dirty = new Map<string, Waiting>();
  readonly #delayed = new Map<string, { due: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: Taker[] = [];
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
    return priorities.reduce((depth, priority) => depth + this.#waiting[priority].size, 0);
  }

  /** Adds `key` for now. A key that waits at a lower level is raised. */
  add(key: string, priority: Priority = 'normal'): void {
    if (this.#shutDown || (priority === 'low' && this.#isBackingOff(key))) return;
    const waiting = { priority, since: this.#clock.monotonic() };
    if (this.#processing.has(key)) this.#markDirty(key, waiting);
    else this.#enqueue(key, waiting);
  }

  /** Adds `key` in `delayMs`; of several delays the earliest counts. Taking the key before drops the delay. */
  addAfter(key: string, delayMs: number, priority: Priority = 'normal'): void {
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
  take(): Promise<string | undefined> {
    return this.#take(() => true);
  }

  /** As `take`, for a worker that is kept free for what is urgent. */
  takeUrgent(): Promise<string | undefined> {
    return this.#take((priority) => priority === 'urgent');
  }

  /** The work on `key` ended, well or not. */
  done(key: string): void {
    const startedAt = this.#processing.get(key);
    if (startedAt === undefined) return;
    this.#processing.delete(key);
    this.#observer?.done(key, (this.#clock.monotonic() - startedAt) / 1_000);
    const again = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (again !== undefined && !(again.priority === 'low' && this.#isBackingOff(key))) this.#enqueue(key, again);
  }

  /** Hands out no more keys and takes in none; takers get `undefined`. */
  shutDown(): void {
    this.#shutDown = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const { wake } of this.#takers.splice(0)) wake();
  }

  async #take(accepts: Taker['accepts']): Promise<string | undefined> {
    while (!this.#shutDown) {
      const key = this.#next(accepts);
      if (key !== undefined) return key;
      await new Promise<void>((wake) => this.#takers.push({ accepts, wake }));
    }
    return undefined;
  }

  #isBackingOff(key: string): boolean {
    return this.#failures.has(key) && this.#delayed.has(key);
  }

  #markDirty(key: string, waiting: Waiting): void {
    const before = this.#dirty.get(key);
    if (before === undefined || isHigher(waiting.priority, before.priority)) this.#dirty.set(key, waiting);
  }

  #enqueue(key: string, waiting: Waiting): void {
    if (this.#shutDown) return;
    const level = priorities.find((priority) => this.#waiting[priority].has(key));
    if (level !== undefined && !isHigher(waiting.priority, level)) return;
    const since = level === undefined ? waiting.since : (this.#waiting[level].get(key)?.since ?? waiting.since);
    if (level === undefined) this.#observer?.added();
    else this.#waiting[level].delete(key);
    this.#waiting[waiting.priority].set(key, { ...waiting, since });
    this.#observer?.depth(this.depth);
    const taker = this.#takers.findIndex(({ accepts }) => accepts(waiting.priority));
    if (taker >= 0) this.#takers.splice(taker, 1)[0]?.wake();
  }

  #next(accepts: Taker['accepts']): string | undefined {
    const priority = orderOf(this.#takes).find((one) => accepts(one) && this.#waiting[one].size > 0);
    if (priority === undefined) return undefined;
    const level = this.#waiting[priority];
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
    this.#observer?.taken(key, (now - since) / 1_000);
    return key;
  }
}
