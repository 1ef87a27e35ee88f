const daySeconds = 86_400;

/**
 * The value of a stored token: `<day>~<random>`, where the day (since 1970-01-01 UTC, decimal) is that of its end. It names
 * the partition that the token is kept in, so that one look-up touches one partition.
 * @param expiresAt epoch seconds
 */
export const buildTokenValue = (random: string, expiresAt: number): string =>
  `${Math.floor(expiresAt / daySeconds)}~${random}`;

/** The day in a token's value; undefined for a value that was never one of ours, which needs no look-up. */
export const parseTokenDay = (value: string): number | undefined => {
  const [, day] = /^(\d{5,6})~[\w-]{20,}$/.exec(value) ?? [];
  return day === undefined ? undefined : Number(day);
};
