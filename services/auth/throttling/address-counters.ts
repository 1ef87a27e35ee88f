import type { AttemptKey } from './attempt-counters.ts';
import type { AttemptLimitName } from './attempt-limits.ts';
import { isSharedAddress, sourceOfAddress } from './network.ts';

/** The counter of an address; none for one that stands for all customers, as behind a proxy that nobody has named. */
export const addressCounters = (
  limit: Extract<AttemptLimitName, `${string} by address`>,
  clientAddress: string,
): AttemptKey[] => (isSharedAddress(clientAddress) ? [] : [{ limit, of: sourceOfAddress(clientAddress) }]);
