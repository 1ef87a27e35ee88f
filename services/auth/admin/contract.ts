import { z } from 'zod';

/**
 * The admin API of auth, for the operator's role. Addresses of mail travel in bodies, never in paths or queries, which end up
 * in logs.
 */

/** Of an account: an opaque name that is never used again. */
export const accountIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
/** Of a session; it grants nothing. */
export const sessionUidSchema = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);

const timestamp = z.iso.datetime();
/** As somebody asks for it: in any time zone (RFC 3339). */
const moment = z.iso.datetime({ offset: true });

export const accountSchema = z.object({
  id: accountIdSchema,
  /** As the person typed it. */
  email: z.string(),
  emailVerified: z.boolean(),
  name: z.string().optional(),
  /** Registered, and the address not confirmed yet although it has to be. */
  pending: z.boolean(),
  createdAt: timestamp,
  updatedAt: timestamp,
  /** Since when nobody signs in to it. */
  disabledAt: timestamp.optional(),
});
export type AdminAccount = z.infer<typeof accountSchema>;

/** `POST /internal/accounts/find`: by the address, however it is spelled. */
export const findAccountsRequestSchema = z.strictObject({ email: z.string().min(1).max(254) });
export const findAccountsResponseSchema = z.object({ accounts: z.array(accountSchema).max(1) });
export type FindAccountsResponse = z.infer<typeof findAccountsResponseSchema>;

/** `PATCH /internal/accounts/{id}`: what is disabled ends, and nobody signs in to it. */
export const changeAccountRequestSchema = z.strictObject({ disabled: z.boolean() });
/** `changed`: false when it was so already. */
export const changeAccountResponseSchema = z.object({ changed: z.boolean() });
export type ChangeAccountResponse = z.infer<typeof changeAccountResponseSchema>;

/** `DELETE /internal/accounts/{id}`: false when there is none, or none any more. */
export const deleteAccountResponseSchema = z.object({ deleted: z.boolean() });
export type DeleteAccountResponse = z.infer<typeof deleteAccountResponseSchema>;

/** `GET /internal/accounts/{id}/sessions`: newest first, at most 100. */
export const listSessionsResponseSchema = z.object({
  sessions: z.array(
    z.object({
      uid: sessionUidSchema,
      createdAt: timestamp,
      expiresAt: timestamp,
      /** When something was last done in it at the issuer. */
      usedAt: timestamp.optional(),
      /** Such as "Firefox on Windows". */
      device: z.string().optional(),
      /** Clients that were opened in it. */
      clientIds: z.array(z.string()),
    }),
  ),
});
export type ListSessionsResponse = z.infer<typeof listSessionsResponseSchema>;

/** `DELETE /internal/accounts/{id}/sessions`, and of one: what it names is over when it is answered, or soon after. */
export const revokeSessionsResponseSchema = z.object({ revoked: z.literal(true) });
export type RevokeSessionsResponse = z.infer<typeof revokeSessionsResponseSchema>;

const maxEvents = 200;
const defaultEvents = 50;

/** What a list of events goes on from: microseconds since 1970 and the event's id. */
const cursorPattern = /^[0-9]{1,16}\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const pageMembers = {
  limit: z
    .string()
    .regex(/^[0-9]{1,3}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(maxEvents))
    .default(defaultEvents),
  /** `next` of the page before. */
  cursor: z.string().regex(cursorPattern).optional(),
};
export const accountEventsQuerySchema = z.strictObject(pageMembers);
export const eventsQuerySchema = z.strictObject({
  ...pageMembers,
  /** The earliest moment. */
  from: moment.optional(),
  /** The moment before which they were. */
  until: moment.optional(),
});
export type EventsQuery = z.infer<typeof eventsQuerySchema>;

export const listEventsResponseSchema = z.object({
  events: z.array(
    z.object({
      id: z.uuid(),
      at: timestamp,
      event: z.string(),
      accountId: z.string().optional(),
      clientId: z.string().optional(),
      clientAddress: z.string().optional(),
      details: z.record(z.string(), z.unknown()),
    }),
  ),
  /** There may be more, older ones, from here on. */
  next: z.string().regex(cursorPattern).optional(),
});
export type ListEventsResponse = z.infer<typeof listEventsResponseSchema>;

/** Parameters of queries as an OpenAPI document has them: by what they mean, and not by how they are read. */
export const pageParameters = {
  limit: { type: 'integer', minimum: 1, maximum: maxEvents, default: defaultEvents },
  cursor: { type: 'string', pattern: cursorPattern.source },
} as const;
export const periodParameters = {
  from: { type: 'string', format: 'date-time' },
  until: { type: 'string', format: 'date-time' },
} as const;
