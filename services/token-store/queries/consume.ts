import type { Queryable } from '../../shared/postgres-pool.ts';
import type { TokenTable } from '../transaction-plan.ts';

/** Why a record could not be consumed. */
export type ConsumeRefusal = 'already_consumed' | 'grant_revoked';

const aliveGrant = `(record.grant_hash IS NULL OR EXISTS (
  SELECT 1 FROM token_store.living_grants AS family WHERE family.id_hash = record.grant_hash))`;
/** Which records, by keys and, for tokens, the days that their values name. */
export interface ConsumedKeys {
  readonly hashes: readonly Buffer[];
  readonly days: readonly number[];
}

const recordsOf: Readonly<Record<TokenTable, string>> = {
  tokens: 'record.id_hash = ANY($1::bytea[]) AND record.day = ANY($3::int[])',
  short_lived: 'record.id_hash = ANY($1::bytea[])',
};
const valuesOf = (table: TokenTable, { hashes, days }: ConsumedKeys, commitId: string): unknown[] => [
  hashes,
  commitId,
  ...(table === 'tokens' ? [days] : []),
];

const consumable = '((record.consumed_at IS NULL AND record.expires_at > now()) OR record.consumed_by = $2)';

/**
 * Uses records up, by one compare-and-set: of all who try at once, PostgreSQL lets one set the mark, and the others see it
 * when their wait for the row ends. A commit that comes again finds its own mark and goes on.
 * @returns whether all of them could be consumed
 */
export const consumeRecords = async (
  connection: Queryable,
  table: TokenTable,
  keys: ConsumedKeys,
  commitId: string,
): Promise<boolean> => {
  if (keys.hashes.length === 0) return true;
  const { rowCount } = await connection.query({
    name: `consume-${table}`,
    text: `
      UPDATE token_store.${table} AS record
         SET consumed_at = COALESCE(record.consumed_at, now()), consumed_by = $2
       WHERE ${recordsOf[table]} AND ${consumable} AND ${aliveGrant}`,
    values: valuesOf(table, keys, commitId),
  });
  return rowCount === keys.hashes.length;
};

/**
 * Why records cannot be consumed. That somebody else used one comes first, so that a replay gets the same answer before
 * and after the family that it ends.
 */
export const explainRefusal = async (
  connection: Queryable,
  table: TokenTable,
  keys: ConsumedKeys,
  commitId: string,
): Promise<ConsumeRefusal> => {
  const { rows } = await connection.query<{ used: boolean | null; orphaned: boolean | null }>({
    name: `explain-refusal-${table}`,
    text: `
      SELECT bool_or(record.consumed_by <> $2) AS used, bool_or(${consumable} AND NOT ${aliveGrant}) AS orphaned
        FROM token_store.${table} AS record WHERE ${recordsOf[table]}`,
    values: valuesOf(table, keys, commitId),
  });
  const [row] = rows;
  return row?.orphaned === true && row.used !== true ? 'grant_revoked' : 'already_consumed';
};
