import type { Queryable } from '../../shared/postgres-pool.ts';
import type { RecordTable } from '../transaction-plan.ts';

/**
 * Removes records; those that are not there are no fault.
 * @param tokenDays days that the values of tokens name
 */
export const destroyRecords = async (
  connection: Queryable,
  table: Exclude<RecordTable, 'grants' | 'sessions'>,
  hashes: readonly Buffer[],
  tokenDays: readonly number[],
): Promise<void> => {
  if (hashes.length === 0) return;
  await connection.query({
    name: `destroy-${table}`,
    text: `DELETE FROM token_store.${table} WHERE id_hash = ANY($1::bytea[])${table === 'tokens' ? ' AND day = ANY($2::int[])' : ''}`,
    values: [hashes, ...(table === 'tokens' ? [tokenDays] : [])],
  });
};
