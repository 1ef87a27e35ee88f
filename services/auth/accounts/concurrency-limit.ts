/** More work waits than would be done in good time; the caller answers 503. */
export class HashingOverloaded extends Error {
  override name = 'HashingOverloaded';
}

export type ConcurrencyLimit = {
  /** Runs the task now or in its turn. Throws `HashingOverloaded` when the queue is full. */
  run<T>(task: () => Promise<T>): Promise<T>;
  /** Tasks that wait for their turn. */
  waiting(): number;
};

/** First come, first served; at most `concurrency` tasks at once and `maxWaiting` in the queue. */
export const createConcurrencyLimit = (bounds: { concurrency: number; maxWaiting: number }): ConcurrencyLimit => {
  const queue: (() => void)[] = [];
  let running = 0;
  const takeTurn = async (): Promise<void> => {
    if (running < bounds.concurrency) {
      running += 1;
      return;
    }
    if (queue.length >= bounds.maxWaiting) throw new HashingOverloaded('too many password hashes are waiting');
    // The turn is handed over by the task that ends, so `running` stays as it is.
    await new Promise<void>((resolve) => queue.push(resolve));
  };
  const handOver = (): void => {
    const next = queue.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  return {
    run: async (task) => {
      await takeTurn();
      try {
        return await task();
      } finally {
        handOver();
      }
    },
    waiting: () => queue.length,
  };
};
