import { randomUUID } from 'node:crypto';
import { setTimeout as timerDelay } from 'node:timers/promises';
import type { z } from 'zod';
import type { PeerPool, PeerResponse } from '../../shared/peer-pool.ts';
import {
  type CompleteOutboxRequest,
  completeOutboxResponseSchema,
  type EpochsRequest,
  type EpochsResponse,
  epochsResponseSchema,
  type FindRequest,
  type FindResponse,
  findResponseSchema,
  type IntrospectionRequest,
  type IntrospectionResponse,
  introspectionResponseSchema,
  type LeaseOutboxRequest,
  type LeaseOutboxResponse,
  type ListSessionsRequest,
  type ListSessionsResponse,
  leaseOutboxResponseSchema,
  listSessionsResponseSchema,
  type RevokeRequest,
  type RevokeResponse,
  revokeResponseSchema,
  type TransactionRequest,
  type TransactionResponse,
  transactionResponseSchema,
} from '../contract.ts';

/** No token-store, or no database behind it, answered within the deadline: answer 503 with `Retry-After`. */
export class TokenStoreUnavailable extends Error {
  override readonly name = 'TokenStoreUnavailable';
  readonly code = 'TOKEN_STORE_UNAVAILABLE';
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number, options?: ErrorOptions) {
    super('the token-store cannot answer for now', options);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** An answer outside of the contract: a mistake of ours, or a token-store of another version. Not worth a repetition. */
export class TokenStoreContractError extends Error {
  override readonly name = 'TokenStoreContractError';
  readonly code = 'TOKEN_STORE_CONTRACT';
  readonly status: number;

  constructor(status: number, options?: ErrorOptions) {
    super(`the token-store answered ${status} outside of its contract`, options);
    this.status = status;
  }
}

/** What the token-store does; each call throws TokenStoreUnavailable or TokenStoreContractError, nothing else. */
export interface TokenStoreClient {
  find(request: FindRequest): Promise<FindResponse>;
  /** Sent again, to another pod, when its answer is lost: by its `commitId` the outcome is the same. */
  commit(request: TransactionRequest): Promise<TransactionResponse>;
  introspect(request: IntrospectionRequest): Promise<IntrospectionResponse>;
  /** To be asked at the moment when a password or a code was verified. */
  epochs(request: EpochsRequest): Promise<EpochsResponse>;
  revoke(request: RevokeRequest): Promise<RevokeResponse>;
  listSessions(request: ListSessionsRequest): Promise<ListSessionsResponse>;
  /** A lease whose answer is lost ends by its time. */
  leaseOutbox(request: LeaseOutboxRequest): Promise<LeaseOutboxResponse>;
  completeOutbox(request: CompleteOutboxRequest): Promise<void>;
}

/** What the client takes from outside; clock, delay and random are there for tests. */
export interface TokenStoreClientOptions {
  /** Pool of connections to the token-store's pods, `createPeerPool` with `peerConnectOptions(identity, 'token-store')`. */
  readonly pool: Pick<PeerPool, 'request'>;
  /** After this long no further attempt begins, ms. */
  readonly deadlineMilliseconds?: number;
  readonly clock?: () => number;
  readonly delay?: (milliseconds: number) => Promise<unknown>;
  readonly random?: () => number;
}

const defaultDeadlineMilliseconds = 2500;
const firstPauseMilliseconds = 50;
const longestPauseMilliseconds = 500;
const defaultRetryAfterSeconds = 1;

/** A client that repeats what got no answer, or 503, until its deadline. All calls are safe to repeat. */
export const createTokenStoreClient = (options: TokenStoreClientOptions): TokenStoreClient => {
  const { pool, clock = Date.now, delay = timerDelay, random = Math.random } = options;

  const answer = async (path: string, request: unknown): Promise<PeerResponse> => {
    const deadline = clock() + (options.deadlineMilliseconds ?? defaultDeadlineMilliseconds);
    const body = JSON.stringify(request);
    for (let pause = firstPauseMilliseconds; ; pause = Math.min(pause * 2, longestPauseMilliseconds)) {
      const attempt = await tryOnce(pool, path, body);
      if (attempt.ok) return attempt.response;
      const wait = pause * (0.5 + random());
      if (clock() + wait >= deadline) {
        throw new TokenStoreUnavailable(attempt.retryAfterSeconds, { cause: attempt.cause });
      }
      await delay(wait);
    }
  };

  const call = async <Schema extends z.ZodType>(
    path: string,
    request: unknown,
    schema: Schema,
    statuses: readonly number[] = [200],
  ): Promise<z.output<Schema>> => {
    const response = await answer(path, request);
    if (!statuses.includes(response.status)) throw new TokenStoreContractError(response.status);
    const parsed = schema.safeParse(parseJson(response));
    if (!parsed.success) throw new TokenStoreContractError(response.status, { cause: parsed.error });
    return parsed.data;
  };

  return {
    find: (request) => call('/v1/records/find', request, findResponseSchema),
    commit: (request) => call('/v1/transactions', request, transactionResponseSchema, [200, 409]),
    introspect: (request) => call('/v1/introspections', request, introspectionResponseSchema),
    epochs: (request) => call('/v1/epochs', request, epochsResponseSchema),
    // An id, so that a repetition after a lost answer is one revocation.
    revoke: (request) => call('/v1/revocations/revoke', { requestId: randomUUID(), ...request }, revokeResponseSchema),
    listSessions: (request) => call('/v1/sessions/list', request, listSessionsResponseSchema),
    leaseOutbox: (request) => call('/v1/outbox/lease', request, leaseOutboxResponseSchema),
    completeOutbox: async (request) => {
      await call('/v1/outbox/complete', request, completeOutboxResponseSchema);
    },
  };
};

type Attempt =
  | { readonly ok: true; readonly response: PeerResponse }
  | { readonly ok: false; readonly retryAfterSeconds: number; readonly cause?: unknown };

const tryOnce = async (pool: Pick<PeerPool, 'request'>, path: string, body: string): Promise<Attempt> => {
  try {
    const response = await pool.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body,
      idempotent: true,
    });
    if (response.status !== 503) return { ok: true, response };
    return { ok: false, retryAfterSeconds: Number(response.headers['retry-after']) || defaultRetryAfterSeconds };
  } catch (error) {
    return { ok: false, retryAfterSeconds: defaultRetryAfterSeconds, cause: error };
  }
};

const parseJson = ({ status, body }: PeerResponse): unknown => {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new TokenStoreContractError(status, { cause: error });
  }
};
