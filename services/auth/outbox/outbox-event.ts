import { z } from 'zod';
import { mailRequestSchema } from '../mail/mail-request.ts';

/** What is delivered after the transaction of a change, by topic. Nothing here grants anything by itself. */
export const outboxEventSchema = z.discriminatedUnion('topic', [
  z.object({ topic: z.literal('mail'), payload: mailRequestSchema }),
  /** Ends everything of somebody, but for the session that did it. */
  z.object({
    topic: z.literal('revoke_subject'),
    payload: z.object({ subject: z.string(), keepSessionUid: z.string().optional() }),
  }),
  z.object({ topic: z.literal('revoke_session'), payload: z.object({ sessionUid: z.string() }) }),
  z.object({ topic: z.literal('revoke_grant'), payload: z.object({ grantId: z.string() }) }),
]);
export type OutboxEvent = z.infer<typeof outboxEventSchema>;
export const outboxTopicSchema = z.enum(['mail', 'revoke_subject', 'revoke_session', 'revoke_grant']);
export type OutboxTopic = OutboxEvent['topic'];
