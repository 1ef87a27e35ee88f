import { databaseErrorCode } from '../shared/postgres-errors.ts';
import type { Queryable } from '../shared/postgres-pool.ts';
import { dropEndedTokenPartition, makeTokenPartitions } from './queries/partitions.ts';
import type { TokenStoreLiveSettings } from './settings.ts';

const daySeconds = 86_400;
// A lifetime that becomes longer than that takes effect for all when this store has learnt of it.
const marginDays = 14;
// A few hundred tables at once would take longer than a statement may.
const batch = 20;
const lockNotAvailable = '55P03';

/** Makes what is missing up to two weeks beyond the longest lifetime. */
export const ensureTokenPartitions = async (
  connection: Queryable,
  { accessTokenSeconds, refreshTokenSeconds }: TokenStoreLiveSettings['lifetimes'],
): Promise<void> => {
  const ahead = Math.ceil(Math.max(accessTokenSeconds, refreshTokenSeconds) / daySeconds) + marginDays;
  while ((await makeTokenPartitions(connection, { ahead, most: batch })) === batch);
};

/**
 * Drops partitions whose tokens have all ended, oldest first.
 * @param onDropped told each day
 * @returns whether there are none left: one that somebody uses is tried again later, never waited for
 */
export const dropEndedTokenPartitions = async (
  connection: Queryable,
  onDropped: (day: number) => void = () => undefined,
): Promise<boolean> => {
  try {
    for (;;) {
      const day = await dropEndedTokenPartition(connection);
      if (day === undefined) return true;
      onDropped(day);
    }
  } catch (error) {
    if (databaseErrorCode(error) === lockNotAvailable) return false;
    throw error;
  }
};
