import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Queryable } from '../../shared/postgres-pool.ts';
import { type OutboxEvent, type OutboxTopic, outboxEventSchema, outboxTopicSchema } from './outbox-event.ts';

/** An event that was written, by its id. */
export type EnqueuedEvent = { readonly id: string; readonly event: OutboxEvent };

/** An event in the hands of this process until its lease ends. */
export type LeasedEvent = {
  readonly id: string;
  /** Undefined for one that this version cannot read. */
  readonly event: OutboxEvent | undefined;
  readonly topic: OutboxTopic;
  /** This one counted. */
  readonly attempts: number;
  readonly ageSeconds: number;
};

const leasedSchema = z
  .object({
    id: z.string(),
    topic: outboxTopicSchema,
    payload: z.unknown(),
    attempts: z.int(),
    age_seconds: z.coerce.number(),
  })
  .transform(({ id, topic, payload, attempts, age_seconds }): LeasedEvent => {
    const event = outboxEventSchema.safeParse({ topic, payload });
    return { id, topic, attempts, ageSeconds: age_seconds, event: event.data };
  });

/** Writes an event; `connection` is that of the transaction whose change it reports. */
export const enqueueEvent = async (connection: Queryable, event: OutboxEvent): Promise<EnqueuedEvent> => {
  const id = randomUUID();
  const { topic, payload } = event;
  await connection.query({
    name: 'outbox-enqueue',
    text: 'INSERT INTO auth.outbox (id, topic, payload) VALUES ($1, $2, $3::jsonb)',
    values: [id, topic, JSON.stringify(payload)],
  });
  return { id, event };
};

export type OutboxRepository = {
  /** Takes due events for so long; other processes pass them over. A lease that ends unanswered is an attempt lost. */
  lease(options: { topics: readonly OutboxTopic[]; limit: number; leaseSeconds: number }): Promise<LeasedEvent[]>;
  /** Delivered, or given up. */
  remove(id: string): Promise<void>;
  postpone(id: string, seconds: number): Promise<void>;
};

export const createOutboxRepository = (database: Queryable): OutboxRepository => ({
  lease: async ({ topics, limit, leaseSeconds }) => {
    const { rows } = await database.query({
      name: 'outbox-lease',
      text: `UPDATE auth.outbox SET attempts = attempts + 1, due_at = now() + make_interval(secs => $3)
              WHERE id IN (SELECT id FROM auth.outbox WHERE topic = ANY ($1) AND due_at <= now()
                            ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
          RETURNING id, topic, payload, attempts, extract(epoch FROM now() - created_at) AS age_seconds`,
      values: [topics, limit, leaseSeconds],
    });
    return rows.map((row) => leasedSchema.parse(row));
  },
  remove: async (id) => {
    await database.query({ name: 'outbox-remove', text: 'DELETE FROM auth.outbox WHERE id = $1', values: [id] });
  },
  postpone: async (id, seconds) => {
    await database.query({
      name: 'outbox-postpone',
      text: 'UPDATE auth.outbox SET due_at = now() + make_interval(secs => $2) WHERE id = $1',
      values: [id, seconds],
    });
  },
});
