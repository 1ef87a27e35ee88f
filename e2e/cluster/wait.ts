import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again until the condition holds. An error of the condition counts as "not yet" and is the cause of the
 * error that is thrown when `deadline` (milliseconds from now) has passed.
 */
export const waitUntil = async (
  what: string,
  deadline: number,
  condition: () => Promise<boolean>,
  interval = 100,
): Promise<void> => {
  const end = performance.now() + deadline;
  let cause: unknown;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) throw new Error(`gave up waiting for ${what} after ${deadline / 1000} s`, { cause });
    await sleep(interval);
  }
};
