import { databaseErrorCode } from '../../shared/postgres-errors.ts';
import type { Queryable } from '../../shared/postgres-pool.ts';

/**
 * Makes partitions of tokens from yesterday to that many days ahead, some at a time; by a function of the database's owner,
 * since the service may make no tables. Two processes that ask at once make each day once.
 * @returns how many were made: fewer than `most` when none is missing any more
 */
export const makeTokenPartitions = async (
  connection: Queryable,
  { ahead, most }: { readonly ahead: number; readonly most: number },
): Promise<number> => {
  const { rows } = await connection.query<{ made: number }>({
    text: 'SELECT token_store.ensure_token_partitions($1, $2) AS made',
    values: [ahead, most],
  });
  return rows[0]?.made ?? 0;
};

/**
 * Drops the oldest partition whose day ended a day ago or more, by the database's clock.
 * @returns its day; undefined when there is none
 * @throws 55P03 when somebody uses it for longer than 100 ms: everybody else would wait behind us
 */
export const dropEndedTokenPartition = async (connection: Queryable): Promise<number | undefined> => {
  const { rows } = await connection.query<{ ended: number | null }>({
    text: 'SELECT token_store.drop_ended_token_partition() AS ended',
  });
  return rows[0]?.ended ?? undefined;
};

/**
 * The partition of a day, by name: a statement that names the parent locks and looks through all of its partitions at
 * each execution, which costs several times of what one look-up does.
 */
export const partitionOf = (day: number): string => {
  if (!Number.isSafeInteger(day) || day < 0) throw new Error('not a day');
  return `token_store.tokens_${day}`;
};

// Not there, or attached by an owner who has not given it to this role: the parent answers for those.
const unusable: ReadonlySet<string> = new Set(['42P01', '42501']);

/** By its name this partition cannot be used. */
export const isPartitionUnusable = (error: unknown): boolean => unusable.has(databaseErrorCode(error));
