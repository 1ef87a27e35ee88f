import express, { type Express, type RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Metrics } from '../shared/metrics.ts';
import { problemHandler } from '../shared/problem-details.ts';
import { accessLog } from './access-log.ts';
import { type GatewayParts, handleRequest, type RequestNotes } from './request-steps.ts';

/** A year, RFC 6797. */
const strictTransportSecurity: RequestHandler = (_request, response, next) => {
  response.setHeader('Strict-Transport-Security', 'max-age=31536000');
  next();
};
const withoutTls: RequestHandler = (_request, _response, next) => next();

/** The route's name of a request, for metrics: bounded by the tenant's routes. */
const routeName: Parameters<Metrics['requestDurations']>[0] = (_request, response) => {
  // `as`: express types locals as `any`; request-steps.ts is the only writer.
  const { notes } = response.locals as { notes?: RequestNotes };
  return notes?.route ?? 'none';
};

/** The public app. What is done to a request, and in which order, is in `request-steps.ts`. */
export const buildGatewayApp = (
  parts: GatewayParts,
  { logger, metrics, tls }: { logger: Logger; metrics: Metrics; tls: boolean },
): Express => {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.use(metrics.requestDurations(routeName));
  app.use(accessLog(logger));
  app.use(tls ? strictTransportSecurity : withoutTls);
  app.use(handleRequest(parts));
  app.use(problemHandler(logger));
  return app;
};
