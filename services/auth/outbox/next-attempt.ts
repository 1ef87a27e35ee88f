import type { OutboxTopic } from './outbox-event.ts';

/** How patient the outbox is with a topic, seconds. */
type Patience = { readonly longestPause: number; readonly giveUpAfter: number };

const firstPauseSeconds = 2;

/** A mail that comes a day late helps nobody. A revocation has been promised: it is tried until it is done. */
const patiences: Readonly<Record<OutboxTopic, Patience>> = {
  mail: { longestPause: 900, giveUpAfter: 24 * 3600 },
  revoke_subject: { longestPause: 30, giveUpAfter: Number.POSITIVE_INFINITY },
  revoke_session: { longestPause: 30, giveUpAfter: Number.POSITIVE_INFINITY },
  revoke_grant: { longestPause: 30, giveUpAfter: Number.POSITIVE_INFINITY },
};

/**
 * When a delivery that failed is tried again: after twice as long each time, by half more or less so that what failed
 * together does not come again together.
 * @param random 0 to 1
 * @returns seconds, or undefined when it is given up
 */
export const decideNextAttempt = (
  topic: OutboxTopic,
  { attempts, ageSeconds }: { readonly attempts: number; readonly ageSeconds: number },
  random: number,
): number | undefined => {
  const { longestPause, giveUpAfter } = patiences[topic];
  if (ageSeconds >= giveUpAfter) return undefined;
  return Math.min(firstPauseSeconds * 2 ** (attempts - 1), longestPause) * (0.5 + random);
};
