import type { ErrorRequestHandler } from 'express';
import type { Logger } from 'pino';
import { databaseErrorCode, isDatabaseUnavailable } from './postgres-errors.ts';
import { sendProblem } from './problem-details.ts';

/** A database that cannot answer for now is nobody's fault: 503, and when to come again. */
export const databaseProblemHandler =
  (logger: Logger, retryAfterSeconds: number): ErrorRequestHandler =>
  (error: unknown, _request, response, next) => {
    if (!isDatabaseUnavailable(error)) {
      next(error);
      return;
    }
    logger.warn({ code: databaseErrorCode(error) }, 'database unavailable');
    response.setHeader('Retry-After', retryAfterSeconds);
    sendProblem(response, {
      status: 503,
      type: 'urn:identity-operator:problem:database-unavailable',
      title: 'The database cannot answer for now',
    });
  };
