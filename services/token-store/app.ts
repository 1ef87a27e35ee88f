import express, { type Express, type RequestHandler, type Response } from 'express';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { InternalState } from '../shared/contracts/internal-state.ts';
import { databaseProblemHandler } from '../shared/database-problem.ts';
import type { Metrics } from '../shared/metrics.ts';
import { allowRoles } from '../shared/mutual-tls.ts';
import type { PostgresPool } from '../shared/postgres-pool.ts';
import { problemHandler, sendProblem } from '../shared/problem-details.ts';
import {
  completeOutboxRequestSchema,
  epochsRequestSchema,
  findRequestSchema,
  introspectionRequestSchema,
  leaseOutboxRequestSchema,
  listSessionsRequestSchema,
  type RevokeRequest,
  type RevokeResponse,
  revokeKeyRequestSchema,
  revokeRequestSchema,
  transactionRequestSchema,
} from './contract.ts';
import type { DataKeyring } from './data-encryption-keys.ts';
import { introspectToken } from './introspection.ts';
import { completeOutbox, leaseOutbox } from './outbox.ts';
import type { PendingDevices } from './pending-devices.ts';
import { findRecord } from './record-lookup.ts';
import { currentEpochs, type RevocationTimes, revoke } from './revocation.ts';
import { listSubjectSessions } from './session-list.ts';
import type { StoreMetrics } from './store-metrics.ts';
import { runTransaction } from './transaction.ts';

// 64 intents with payloads of a few KB each; a session that many clients share is the largest of them.
const bodyLimit = '1mb';
const retryAfterSeconds = 1;

/** What the routes work with. */
export interface TokenStoreDependencies {
  readonly pool: PostgresPool;
  readonly devices: PendingDevices;
  readonly keyring: () => DataKeyring;
  readonly times: () => RevocationTimes;
  /** Tells the feed, here and at the other token-stores, that there is something new. */
  readonly announceRevocations: () => void;
  readonly revocationStream: RequestHandler;
  readonly state: () => Promise<InternalState>;
  readonly metrics: Metrics;
  readonly storeMetrics: StoreMetrics;
  readonly logger: Logger;
}

/** The routes of `contract.ts` for auth, and `/internal/state` for the operator. */
export const createTokenStoreApp = (dependencies: TokenStoreDependencies): Express => {
  const { devices, pool, keyring, times, announceRevocations, revocationStream, state, metrics, storeMetrics, logger } =
    dependencies;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');

  // Ahead of the durations, of which it has none.
  app.get('/v1/revocations/feed', allowRoles('gateway', 'auth'), revocationStream);
  app.use(metrics.requestDurations((request) => routeNames.get(request.path) ?? 'other'));
  app.use('/internal', allowRoles('operator'));
  app.get('/internal/state', async (_request, response) => {
    response.json(await state());
  });

  const revokeAndAnswer = async (request: RevokeRequest, response: Response): Promise<void> => {
    await revoke(pool, request, { times: times(), keyring: keyring() });
    announceRevocations();
    response.json({ revoked: true } satisfies RevokeResponse);
  };
  app.post(
    '/internal/keys/revoke',
    express.json({ limit: bodyLimit }),
    withBody(revokeKeyRequestSchema, ({ kid }, response) => revokeAndAnswer({ by: 'key', kid }, response)),
  );

  app.use('/v1', allowRoles('auth'), express.json({ limit: bodyLimit }));
  app.post(
    '/v1/records/find',
    withBody(findRequestSchema, async (body, response) => {
      response.json(await devices.find(body, () => findRecord(pool, keyring(), body)));
    }),
  );
  app.post(
    '/v1/transactions',
    withBody(transactionRequestSchema, async (body, response) => {
      const outcome = await runTransaction(
        { pool, keyring: keyring(), feedSeconds: times().feedSeconds, announceRevocations },
        body,
      );
      await devices.forget(body.intents);
      storeMetrics.countTransaction(outcome);
      response.status(outcome.outcome === 'refused' ? 409 : 200).json(outcome);
    }),
  );
  app.post(
    '/v1/introspections',
    withBody(introspectionRequestSchema, async (body, response) => {
      response.json(await introspectToken(pool, body));
    }),
  );
  app.post(
    '/v1/epochs',
    withBody(epochsRequestSchema, async (body, response) => {
      response.json(await currentEpochs(pool, body));
    }),
  );
  app.post('/v1/revocations/revoke', withBody(revokeRequestSchema, revokeAndAnswer));
  app.post(
    '/v1/sessions/list',
    withBody(listSessionsRequestSchema, async (body, response) => {
      response.json(await listSubjectSessions(pool, keyring(), body));
    }),
  );
  app.post(
    '/v1/outbox/lease',
    withBody(leaseOutboxRequestSchema, async (body, response) => {
      response.json(await leaseOutbox(pool, keyring(), body));
    }),
  );
  app.post(
    '/v1/outbox/complete',
    withBody(completeOutboxRequestSchema, async (body, response) => {
      await completeOutbox(pool, body);
      response.json({});
    }),
  );

  for (const path of routeNames.keys()) {
    app.all(path, (_request, response) => {
      response.set('Allow', path === '/internal/state' ? 'GET' : 'POST');
      sendProblem(response, {
        status: 405,
        type: 'urn:identity-operator:problem:method-not-allowed',
        title: 'This method is not supported',
      });
    });
  }
  app.use((_request, response) =>
    sendProblem(response, { status: 404, type: 'urn:identity-operator:problem:not-found', title: 'Not found' }),
  );
  app.use(databaseProblemHandler(logger, retryAfterSeconds));
  app.use(problemHandler(logger));
  return app;
};

const routeNames = new Map(
  [
    '/internal/state',
    '/internal/keys/revoke',
    '/v1/records/find',
    '/v1/transactions',
    '/v1/introspections',
    '/v1/epochs',
    '/v1/revocations/revoke',
    '/v1/sessions/list',
    '/v1/outbox/lease',
    '/v1/outbox/complete',
  ].map((path) => [path, path]),
);

/** Answers 400 with the names of the fields that are wrong, never with their values. */
const withBody =
  <Schema extends z.ZodType>(
    schema: Schema,
    handle: (body: z.output<Schema>, response: Parameters<RequestHandler>[1]) => Promise<void>,
  ): RequestHandler =>
  async (request, response) => {
    const parsed = schema.safeParse(request.body);
    if (parsed.success) {
      await handle(parsed.data, response);
      return;
    }
    sendProblem(response, {
      status: 400,
      type: 'urn:identity-operator:problem:invalid-request',
      title: 'The request does not follow the contract',
      detail: parsed.error.issues.map(({ path, code }) => `${path.join('.')}: ${code}`).join('; '),
    });
  };
