import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Queryable } from '../../shared/postgres-pool.ts';
import { type AttemptLimitName, attemptLimits } from './attempt-limits.ts';

/** A counter: which limit, and whose. */
export type AttemptKey = { readonly limit: AttemptLimitName; readonly of: string };

export type Admission =
  | { ok: true }
  /** `isFirst`: of those that the counter refuses in its window. */
  | { ok: false; limit: AttemptLimitName; retryAfterSeconds: number; isFirst: boolean };

/** Counters are found by hash: their rows tell nobody who tried to sign in where. */
const hashKey = ({ limit, of }: AttemptKey): Buffer => createHash('sha256').update(`${limit}\0${of}`).digest();

const rowSchema = z.object({ key_hash: z.instanceof(Buffer), attempts: z.int(), seconds: z.coerce.number() });

const countAll = async (connection: Queryable, keys: readonly AttemptKey[]): Promise<z.infer<typeof rowSchema>[]> => {
  const { rows } = await connection.query({
    name: 'attempts-count',
    // In one order, so that two requests with some of the same counters never wait for each other.
    text: `INSERT INTO auth.attempt_counters AS counter (key_hash, attempts, expires_at)
           SELECT key, 1, now() + make_interval(secs => seconds)
             FROM unnest($1::bytea[], $2::int[]) AS counted (key, seconds) ORDER BY key
           ON CONFLICT (key_hash) DO UPDATE
             SET attempts = CASE WHEN counter.expires_at <= now() THEN 1 ELSE counter.attempts + 1 END,
                 expires_at = CASE WHEN counter.expires_at <= now() THEN excluded.expires_at ELSE counter.expires_at END
           RETURNING key_hash, attempts, extract(epoch FROM expires_at - now()) AS seconds`,
    values: [keys.map(hashKey), keys.map(({ limit }) => attemptLimits[limit].windowSeconds)],
  });
  return rows.map((row) => rowSchema.parse(row));
};

/**
 * Begins some counters anew and takes an attempt back from others. One statement that locks what is there in the order in
 * which attempts are counted: two that took them one after the other would wait for each other.
 */
export const settleAttempts = async (
  connection: Queryable,
  { forget, giveBack }: { readonly forget: readonly AttemptKey[]; readonly giveBack: readonly AttemptKey[] },
): Promise<void> => {
  if (forget.length + giveBack.length === 0) return;
  await connection.query({
    name: 'attempts-settle',
    text: `WITH held AS (SELECT key_hash FROM auth.attempt_counters WHERE key_hash = ANY ($1) OR key_hash = ANY ($2)
                          ORDER BY key_hash FOR UPDATE),
                forgotten AS (DELETE FROM auth.attempt_counters
                               WHERE key_hash IN (SELECT key_hash FROM held) AND key_hash = ANY ($1))
           UPDATE auth.attempt_counters SET attempts = greatest(attempts - 1, 0)
            WHERE key_hash IN (SELECT key_hash FROM held) AND key_hash = ANY ($2)`,
    values: [forget.map(hashKey), giveBack.map(hashKey)],
  });
};

/**
 * Counts an attempt in each of the counters, and admits it when all have room. Counted before the attempt is made, so that
 * a hundred at once are no more than a hundred one after the other. One that is not admitted counts nowhere else: whoever is
 * held up by a counter of their own must not fill another's.
 */
export const admitAttempt = async (connection: Queryable, keys: readonly AttemptKey[]): Promise<Admission> => {
  if (keys.length === 0) return { ok: true };
  const counted = await countAll(connection, keys);
  const exceeded = keys.flatMap((key) => {
    const row = counted.find(({ key_hash }) => key_hash.equals(hashKey(key)));
    return row !== undefined && row.attempts > attemptLimits[key.limit].attempts ? [{ key, row }] : [];
  });
  const [longest] = exceeded.sort((a, b) => b.row.seconds - a.row.seconds);
  if (longest === undefined) return { ok: true };
  const full = new Set(exceeded.map(({ key }) => key));
  await settleAttempts(connection, { forget: [], giveBack: keys.filter((key) => !full.has(key)) });
  const { limit } = longest.key;
  return {
    ok: false,
    limit,
    retryAfterSeconds: Math.max(1, Math.ceil(longest.row.seconds)),
    isFirst: longest.row.attempts === attemptLimits[limit].attempts + 1,
  };
};
