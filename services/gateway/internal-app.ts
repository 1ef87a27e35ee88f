import express, { type Express } from 'express';
import type { Logger } from 'pino';
import type { InternalState } from '../shared/contracts/internal-state.ts';
import { allowRoles } from '../shared/mutual-tls.ts';
import { problemHandler, sendProblem } from '../shared/problem-details.ts';

/** What the operator asks a gateway, over mutual TLS. */
export const buildInternalApp = (state: () => InternalState, logger: Logger): Express => {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(allowRoles('operator'));
  app.get('/internal/state', (_request, response) => {
    response.set('Cache-Control', 'no-store').json(state());
  });
  app.use((_request, response) => {
    sendProblem(response, { status: 404, type: 'urn:identity-operator:problem:not-found', title: 'Not found' });
  });
  app.use(problemHandler(logger));
  return app;
};
