import type { Queryable } from '../../shared/postgres-pool.ts';
import type { PlannedReplay } from '../transaction-plan.ts';

/** Keeps answers with the use of their tokens; one's own, from a commit that comes again, stays as it is. */
export const keepReplays = async (connection: Queryable, replays: readonly PlannedReplay[]): Promise<void> => {
  if (replays.length === 0) return;
  await connection.query({
    name: 'keep-replays',
    text: `
      INSERT INTO token_store.refresh_replays
        (id_hash, fingerprint, successor_day, successor_hash, answer, expires_at)
      SELECT id_hash, fingerprint, successor_day, successor_hash, answer, now() + make_interval(secs => seconds)
        FROM unnest($1::bytea[], $2::bytea[], $3::int[], $4::bytea[], $5::bytea[], $6::int[])
          AS replay (id_hash, fingerprint, successor_day, successor_hash, answer, seconds)
      ON CONFLICT (id_hash) DO NOTHING`,
    values: [
      replays.map(({ idHash }) => idHash),
      replays.map(({ fingerprint }) => fingerprint),
      replays.map(({ successor }) => successor.day),
      replays.map(({ successor }) => successor.idHash),
      replays.map(({ answer }) => answer),
      replays.map(({ leewaySeconds }) => leewaySeconds),
    ],
  });
};

/**
 * The answer that was given for a used refresh token, to be given again: to a request like that one, within the leeway, as
 * long as its successor is unused and the family alive. Undefined otherwise: somebody else has the token.
 */
export const findReplay = async (
  connection: Queryable,
  { idHash, fingerprint }: PlannedReplay,
): Promise<Buffer | undefined> => {
  const { rows } = await connection.query<{ answer: Buffer; successor_day: number; successor_hash: Buffer }>({
    name: 'find-replay',
    text: `
      SELECT answer, successor_day, successor_hash FROM token_store.refresh_replays
       WHERE id_hash = $1 AND fingerprint = $2 AND expires_at > now()`,
    values: [idHash, fingerprint],
  });
  const [replay] = rows;
  if (replay === undefined) return undefined;
  // A statement of its own, so that the successor's day is a value and names one partition.
  const { rowCount } = await connection.query({
    name: 'find-unused-successor',
    text: `
      SELECT 1 FROM token_store.tokens AS successor
        JOIN token_store.living_grants AS family ON family.id_hash = successor.grant_hash
       WHERE successor.day = $1 AND successor.id_hash = $2
         AND successor.consumed_at IS NULL AND successor.expires_at > now()`,
    values: [replay.successor_day, replay.successor_hash],
  });
  return rowCount === 1 ? replay.answer : undefined;
};
