/** Exponential backoff: `baseMs`, doubled per failure up to `maxMs`. */
export interface BackoffLimits {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * The delay in ms before try number `failures` + 1 (`failures` >= 1).
 * Half of it is random, so that many clients that failed together do not come back together.
 */
export const backoffDelay = ({ baseMs, maxMs }: BackoffLimits, failures: number, random: () => number): number => {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return ceiling / 2 + (ceiling / 2) * random();
};
