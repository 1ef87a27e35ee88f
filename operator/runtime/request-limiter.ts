/** Runs at most a fixed number of tasks at a time; others wait in order of arrival. */
export type RequestLimiter = <T>(task: () => Promise<T>) => Promise<T>;

/** A limiter of `maxInFlight` tasks. */
export const createRequestLimiter = (maxInFlight: number): RequestLimiter => {
  const waiting: (() => void)[] = [];
  let inFlight = 0;

  const enter = async (): Promise<void> => {
    if (inFlight < maxInFlight) {
      inFlight += 1;
      return;
    }
    // The slot is handed over by the one that leaves, so nobody can slip in between.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };

  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) inFlight -= 1;
    else next();
  };

  return async (task) => {
    await enter();
    try {
      return await task();
    } finally {
      leave();
    }
  };
};
