const longestPauseSeconds = 3600;
const giveUpAfterSeconds = 86_400;

/**
 * When a notice that was not delivered is tried again: after twice as long each time, up to an hour, for a day.
 * @param attempts including the one that failed
 * @returns seconds, or null when it is given up
 */
export const decideNextLogoutAttempt = (attempts: number, ageSeconds: number): number | null =>
  ageSeconds >= giveUpAfterSeconds ? null : Math.min(2 ** (attempts - 1), longestPauseSeconds);
