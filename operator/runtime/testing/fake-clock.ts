import type { Clock } from '../clock.ts';

/** Lets everything that is ready to run do so: promises, and what they start in turn. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Simulated time: it moves only by `advance`. */
export class FakeClock implements Clock {
  // Not 0: libraries take a time of 0 for none.
  #time = 1_000;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /** Timers that have not fired yet. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#time - 1_000;
  }

  monotonic(): number {
    return this.#time;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    this.#order += 1;
    const timer = { due: this.#time + Math.max(0, delayMs), order: this.#order, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves time on by `ms`, firing timers in their order and letting what they start run before the next one. */
  async advance(ms: number): Promise<void> {
    const end = this.#time + ms;
    await settle();
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) {
      this.#fire(timer);
      await settle();
    }
    this.#time = end;
  }

  /** As `advance`, without letting promises run in between: for code that is synchronous. */
  advanceSync(ms: number): void {
    const end = this.#time + ms;
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) this.#fire(timer);
    this.#time = end;
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#time = Math.max(this.#time, timer.due);
    timer.callback();
  }

  #nextUntil(end: number): Timer | undefined {
    const due = [...this.#timers].filter((timer) => timer.due <= end);
    return due.sort((one, other) => one.due - other.due || one.order - other.order)[0];
  }
}
