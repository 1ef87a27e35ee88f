import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { RequestNotes } from './request-steps.ts';

/** One event a request, when its answer has ended. Paths without their query, which may hold codes and tokens. */
export const accessLog =
  (logger: Logger): RequestHandler<unknown, unknown, unknown, unknown, { notes?: RequestNotes }> =>
  (request, response, next) => {
    const began = performance.now();
    response.once('close', () => {
      logger.info(
        {
          method: request.method,
          path: request.url.split('?', 1)[0],
          status: response.headersSent ? response.statusCode : 499,
          durationMilliseconds: Math.round(performance.now() - began),
          ...response.locals.notes,
        },
        'request',
      );
    });
    next();
  };
