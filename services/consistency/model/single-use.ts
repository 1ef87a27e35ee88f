import type { Ways } from './family.ts';

/** What may be used once, by whoever is first: a proof of possession, a device's code, a pushed authorization request. */
export const singleUses = ['proof', 'device_code', 'pushed_request'] as const;
export type SingleUse = (typeof singleUses)[number];

/** What became of one use. `unknown`: no answer, or one that says to come again. */
export type UseOutcome = 'won' | 'refused' | 'unknown';

/**
 * Why these answers to uses of one thing cannot be; undefined when they can. Nobody wins twice. That nobody wins at all is
 * right only where an answer may have been lost: also between the services, and then whoever won is refused.
 */
export const findSingleUseFault = (
  what: SingleUse,
  outcomes: readonly UseOutcome[],
  ways: Ways,
): string | undefined => {
  const won = outcomes.filter((outcome) => outcome === 'won').length;
  if (won > 1) return `${what} was used ${won} times`;
  const mayBeLost = ways === 'lossy' || outcomes.includes('unknown');
  return won === 0 && !mayBeLost ? `${what} was refused to all ${outcomes.length}` : undefined;
};
