import type { Queryable } from '../../shared/postgres-pool.ts';

/** A message as it is kept. */
export interface SealedMessage {
  readonly keyHash: Buffer;
  readonly topic: string;
  readonly payload: Buffer;
}

/** Adds messages; one whose key is there already changes nothing. */
export const enqueueMessages = async (connection: Queryable, messages: readonly SealedMessage[]): Promise<void> => {
  if (messages.length === 0) return;
  await connection.query({
    name: 'enqueue-messages',
    text: `
      INSERT INTO token_store.outbox (key_hash, topic, payload)
      SELECT * FROM unnest($1::bytea[], $2::text[], $3::bytea[])
      ON CONFLICT (key_hash) DO NOTHING`,
    values: [
      messages.map(({ keyHash }) => keyHash),
      messages.map(({ topic }) => topic),
      messages.map(({ payload }) => payload),
    ],
  });
};

/** A message that one worker has for a while. */
export interface LeasedMessage extends SealedMessage {
  readonly id: string;
  readonly attempts: number;
}

/** Messages that are due, the longest waiting first, for whoever asks first; they are due again when the lease ends. */
export const leaseMessages = async (
  connection: Queryable,
  { topic, limit, leaseSeconds }: { readonly topic: string; readonly limit: number; readonly leaseSeconds: number },
): Promise<LeasedMessage[]> => {
  const { rows } = await connection.query<{ id: string; key_hash: Buffer; payload: Buffer; attempts: number }>({
    name: 'lease-messages',
    text: `
      UPDATE token_store.outbox SET due_at = now() + make_interval(secs => $3), attempts = attempts + 1
       WHERE id IN (SELECT id FROM token_store.outbox
                     WHERE topic = $1 AND status = 'pending' AND due_at <= now()
                     ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
      RETURNING id, key_hash, payload, attempts`,
    values: [topic, limit, leaseSeconds],
  });
  return rows.map(({ id, key_hash, payload, attempts }) => ({ id, topic, keyHash: key_hash, payload, attempts }));
};

/** The message is where it should be. */
export const completeMessage = async (connection: Queryable, id: string): Promise<void> => {
  await connection.query({
    name: 'complete-message',
    text: `
      UPDATE token_store.outbox SET status = 'delivered', last_error = NULL, finished_at = now()
       WHERE id = $1 AND status <> 'delivered'`,
    values: [id],
  });
};

/** @param retryInSeconds null: it is given up */
export const failMessage = async (
  connection: Queryable,
  {
    id,
    error,
    retryInSeconds,
  }: { readonly id: string; readonly error: string; readonly retryInSeconds: number | null },
): Promise<void> => {
  await connection.query({
    name: 'fail-message',
    text: `
      UPDATE token_store.outbox SET last_error = $2,
             due_at = now() + make_interval(secs => COALESCE($3::int, 0)),
             status = CASE WHEN $3::int IS NULL THEN 'given_up' ELSE 'pending' END,
             finished_at = CASE WHEN $3::int IS NULL THEN now() END
       WHERE id = $1 AND status = 'pending'`,
    values: [id, error, retryInSeconds],
  });
};
