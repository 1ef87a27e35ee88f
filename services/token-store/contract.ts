import { z } from 'zod';
import { parseTokenDay } from './client/token-value.ts';

/**
 * The token-store's API, spoken over mTLS and shared with its client. Identifiers that grant something (codes, tokens,
 * session ids) travel in bodies, never in paths, and are kept as SHA-256; payloads are sealed at rest.
 */

/** What is stored, by oidc-provider's model. JWT access tokens are not stored. */
export const recordKindSchema = z.enum([
  'session',
  'interaction',
  'grant',
  'authorization_code',
  'refresh_token',
  'access_token',
  'client_credentials',
  'device_code',
  'pushed_authorization_request',
]);
export type RecordKind = z.infer<typeof recordKindSchema>;

/** Kinds that can be used once: `consume` on them is a compare-and-set with one winner. */
export const consumableKindSchema = z.enum([
  'authorization_code',
  'refresh_token',
  'device_code',
  'pushed_authorization_request',
]);
export type ConsumableKind = z.infer<typeof consumableKindSchema>;

/** Of kinds that are kept by the day of their end (`client/token-value.ts`), the id of a new one has to name it. */
const dayedKinds: ReadonlySet<string> = new Set(['refresh_token', 'access_token', 'client_credentials']);
const namesItsDay = ({ kind, id }: { kind: RecordKind; id: string }): boolean =>
  !dayedKinds.has(kind) || parseTokenDay(id) !== undefined;

const identifier = z
  .string()
  .min(1)
  .max(512)
  // PostgreSQL's text cannot hold it; the document of this API says so by a pattern.
  .refine((text) => !text.includes('\0'))
  .meta({ pattern: '^[^\\u0000]*$' });
/** Ten years at most: what lives longer is a mistake of units. */
const lifetimeSeconds = z.int().min(1).max(315_360_000);
const payload = z.record(z.string(), z.unknown());
/** Counts the writes of a session, from 1. */
const sessionVersion = z.int().min(0);
/**
 * Counts how often everything of a subject, or of a client, was revoked; 0 until the first time. What carries a lower one
 * than the current is not found, not issued to and not active.
 */
const epoch = z.int().min(0);

/** A stored record; `payload` is oidc-provider's, with `consumed` (epoch seconds) left to the caller to derive. */
export const storedRecordSchema = z.object({
  kind: recordKindSchema,
  id: identifier,
  payload,
  expiresAt: z.iso.datetime(),
  consumedAt: z.iso.datetime().optional(),
  /** Sessions only. */
  version: sessionVersion.optional(),
  /** Used refresh tokens only: the answer that was given for it may be given again; the commit decides. */
  isReplayable: z.boolean().optional(),
  /** Sessions, interactions and grants that belong to somebody, with the epoch that they were signed in at. */
  subject: identifier.optional(),
  subjectEpoch: epoch.optional(),
  /** Grants. */
  clientEpoch: epoch.optional(),
});
export type StoredRecord = z.infer<typeof storedRecordSchema>;

/** `POST /v1/records/find`: the record with what the caller will want next, in one round trip. */
export const findRequestSchema = z.object({
  kind: recordKindSchema,
  /** `uid`: sessions only. `user_code`: device codes only. */
  by: z.enum(['id', 'uid', 'user_code']),
  value: identifier,
});
export type FindRequest = z.infer<typeof findRequestSchema>;

/**
 * `record` is absent when unknown, expired, of an epoch that has passed, or when its grant is revoked. `related` holds the grant of a code or
 * token, the session of a code, and the grant that an interaction names; the same visibility rules hold for each.
 */
export const findResponseSchema = z.object({
  record: storedRecordSchema.optional(),
  related: z.array(storedRecordSchema),
});
export type FindResponse = z.infer<typeof findResponseSchema>;

/** What an outbox is for; each has a worker in auth. */
export const outboxTopicSchema = z.enum(['backchannel_logout']);

const outboxMessageSchema = z.object({ topic: outboxTopicSchema, key: identifier, payload });

/** The answer to a refresh, for a client that asks again because it did not get it. */
export const refreshReplaySchema = z.object({
  /** SHA-256, base64url, over what has to be the same then: client, proof of possession, scope, resource. */
  fingerprint: z.base64url().length(43),
  /** The refresh token that was issued; once it is used, the answer is not given again. */
  successorId: identifier.refine((id) => parseTokenDay(id) !== undefined),
  /** Sealed by the caller. */
  answer: z.base64().max(16_384),
  leewaySeconds: z.int().min(1).max(300),
});
export type RefreshReplay = z.infer<typeof refreshReplaySchema>;

/**
 * One write of a transaction. All of them hold or none does. Of several upserts and destroys of one record the last one
 * counts; a revocation wins over everything that the same transaction issues to that family.
 */
export const intentSchema = z.discriminatedUnion('operation', [
  z
    .object({
      operation: z.literal('upsert'),
      kind: recordKindSchema,
      id: identifier,
      payload,
      expiresInSeconds: lifetimeSeconds,
      /** Second key of sessions (`uid`) and device codes (`userCode`). */
      uid: identifier.optional(),
      userCode: identifier.optional(),
      /**
       * Sessions with a `uid` only: the version that was read, 0 when there was none. Another one by now refuses the whole
       * transaction. Absent: whatever is there is written over.
       */
      expectedVersion: sessionVersion.optional(),
      /**
       * The family that the record belongs to; refused when that grant is revoked, expired or not there (it may be written
       * by the same transaction). An interaction only names it, so that reads bring it along.
       */
      grantId: identifier.optional(),
      sessionUid: identifier.optional(),
      /** Sessions only: the families that end with it, when somebody revokes it by its `uid`. */
      familyIds: z.array(identifier).max(1000).optional(),
      subject: identifier.optional(),
      clientId: identifier.optional(),
      /** The subject's epoch of the moment when the password or code was verified. Absent: 0. */
      subjectEpoch: epoch.optional(),
      /** The client's epoch of that moment. Absent, for a grant or a token without one: as it is at the commit. */
      clientEpoch: epoch.optional(),
    })
    .refine(namesItsDay, { path: ['id'] }),
  z.object({
    operation: z.literal('consume'),
    kind: consumableKindSchema,
    id: identifier,
    /** Whom the record belongs to, so that its use waits for a revocation of everything of theirs, or that for it. */
    subject: identifier.optional(),
    clientId: identifier.optional(),
    /** Refresh tokens only: what is answered once more to whoever did not get the answer. */
    replay: refreshReplaySchema.optional(),
  }),
  z.object({
    operation: z.literal('destroy'),
    kind: recordKindSchema,
    id: identifier,
    /** Sessions only, both or none: the row of this `uid` must have the version that was read, or be gone already. */
    uid: identifier.optional(),
    expectedVersion: sessionVersion.optional(),
  }),
  /** Revokes the family: everything that carries this grant is gone for every later read and write. */
  z.object({ operation: z.literal('revoke_grant'), grantId: identifier }),
  /** Replay detection (DPoP `jti`, assertion `jti`): a unique insert, refused when it is there already. */
  z.object({
    operation: z.literal('use_once'),
    namespace: z.string().min(1).max(128),
    id: identifier,
    expiresInSeconds: lifetimeSeconds,
  }),
  /** A message for the outbox, there when the transaction is; a second one with its `key` changes nothing. */
  z.object({ operation: z.literal('enqueue'), ...outboxMessageSchema.shape }),
]);
export type Intent = z.infer<typeof intentSchema>;

/**
 * `POST /v1/transactions`: all writes of one protocol request with their preconditions, in one PostgreSQL transaction.
 * Idempotent by `commitId`: sent again after a lost answer, it has the same outcome.
 */
export const transactionRequestSchema = z.object({ commitId: z.uuid(), intents: z.array(intentSchema).min(1).max(64) });
export type TransactionRequest = z.infer<typeof transactionRequestSchema>;

/** 200 for `committed` and `replayed`, 409 for `refused`; a refused transaction wrote nothing but its one-time ids. */
export const transactionResponseSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('committed') }),
  /** The refresh token was used by a like request, whose answer this is. Nothing was written but one-time ids. */
  z.object({ outcome: z.literal('replayed'), answer: z.base64() }),
  z.object({
    outcome: z.literal('refused'),
    /**
     * already_consumed: another request won, or the record is gone, or the device's code was approved by somebody else;
     * for a refresh token the family is revoked, in the same call. grant_revoked: the family is not alive, or everything of its subject or client was revoked since the
     * sign-in. already_used: the one-time id is there.
     * session_changed: a session has another version than expected, or its id is another session's; nothing was written,
     * its one-time ids neither. user_code_taken: another device has this code; the writer draws another one.
     */
    reason: z.enum(['already_consumed', 'grant_revoked', 'already_used', 'session_changed', 'user_code_taken']),
  }),
]);
export type TransactionResponse = z.infer<typeof transactionResponseSchema>;

/** `POST /v1/introspections`: is what a JWT names still alive, all of it? Read from the primary. */
export const introspectionRequestSchema = z.object({
  jti: identifier,
  clientId: identifier,
  /** As the token says. Absent: 0. */
  clientEpoch: epoch.optional(),
  grantId: identifier.optional(),
  sessionUid: identifier.optional(),
});
export type IntrospectionRequest = z.infer<typeof introspectionRequestSchema>;

export const introspectionResponseSchema = z.object({ active: z.boolean() });
export type IntrospectionResponse = z.infer<typeof introspectionResponseSchema>;

/** `POST /v1/epochs`: read at the moment when a password or a code was verified, and carried from there on. */
export const epochsRequestSchema = z.object({ subject: identifier.optional(), clientId: identifier.optional() });
export type EpochsRequest = z.infer<typeof epochsRequestSchema>;

/** An epoch for each that was asked for. */
export const epochsResponseSchema = z.object({ subjectEpoch: epoch.optional(), clientEpoch: epoch.optional() });
export type EpochsResponse = z.infer<typeof epochsResponseSchema>;

/** For the outbox, in the revocation's own transaction; not when there was nothing to end, or the request was made before. */
const revocationMessages = z.array(z.object(outboxMessageSchema.shape)).max(1000).optional();

/**
 * `POST /v1/revocations/revoke`. When it is answered, nothing of what it names can be found, used or issued to; the
 * gateways follow by the feed. Safe to repeat, and with the same `requestId`, for a day, it spares what was begun in
 * between. A session ends with the families that end with it: offline access, which is meant to outlive it, does not.
 */
export const revokeRequestSchema = z.discriminatedUnion('by', [
  /** One JWT access token, for as long as it would live. */
  z.object({ by: z.literal('token'), jti: identifier, expiresInSeconds: lifetimeSeconds }),
  /** Everything that a signing key has signed, or that somebody who has got hold of it will. */
  z.object({ by: z.literal('key'), kid: identifier }),
  /** Also one that is being made in this moment: whoever writes it later is refused, or writes what is over already. */
  z.object({ by: z.literal('grant'), grantId: identifier }),
  z.object({ by: z.literal('session'), sessionUid: identifier, messages: revocationMessages }),
  z.object({ by: z.literal('client'), clientId: identifier, requestId: z.uuid().optional() }),
  /** `keepSessionUid`: this session of the subject's goes on; its tokens end like all others. */
  z.object({
    by: z.literal('subject'),
    subject: identifier,
    keepSessionUid: identifier.optional(),
    requestId: z.uuid().optional(),
    messages: revocationMessages,
  }),
]);
export type RevokeRequest = z.infer<typeof revokeRequestSchema>;

/** `POST /internal/keys/revoke`, for the operator: as by `key`. */
export const revokeKeyRequestSchema = z.object({ kid: identifier });

export const revokeResponseSchema = z.object({ revoked: z.literal(true) });
export type RevokeResponse = z.infer<typeof revokeResponseSchema>;

/** `POST /v1/sessions/list`: the living sessions of a subject, newest first, at most 100. */
export const listSessionsRequestSchema = z.object({ subject: identifier });
export type ListSessionsRequest = z.infer<typeof listSessionsRequestSchema>;

export const listSessionsResponseSchema = z.object({
  sessions: z.array(z.object({ uid: identifier, createdAt: z.iso.datetime(), expiresAt: z.iso.datetime(), payload })),
});
export type ListSessionsResponse = z.infer<typeof listSessionsResponseSchema>;

/**
 * `POST /v1/outbox/lease`: messages that are due, for one worker alone until the lease ends; those that are not completed
 * by then are due again. Delivery is at least once.
 */
export const leaseOutboxRequestSchema = z.object({
  topic: outboxTopicSchema,
  limit: z.int().min(1).max(100),
  leaseSeconds: z.int().min(1).max(3600),
});
export type LeaseOutboxRequest = z.infer<typeof leaseOutboxRequestSchema>;

/** `attempts` counts this one. */
export const leaseOutboxResponseSchema = z.object({
  messages: z.array(z.object({ id: z.uuid(), payload, attempts: z.int().min(1) })),
});
export type LeaseOutboxResponse = z.infer<typeof leaseOutboxResponseSchema>;

/** `POST /v1/outbox/complete`: how it went. What was delivered stays so, whatever a later worker says. */
export const completeOutboxRequestSchema = z.discriminatedUnion('outcome', [
  z.object({ id: z.uuid(), outcome: z.literal('delivered') }),
  z.object({
    id: z.uuid(),
    outcome: z.literal('failed'),
    /** A code, never what the other side said. */
    error: z.string().min(1).max(100),
    /** Null: given up. */
    retryInSeconds: z.int().min(0).max(604_800).nullable(),
  }),
]);
export type CompleteOutboxRequest = z.infer<typeof completeOutboxRequestSchema>;

export const completeOutboxResponseSchema = z.object({});
