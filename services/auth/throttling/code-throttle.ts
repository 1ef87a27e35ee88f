import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Queryable } from '../../shared/postgres-pool.ts';
import { clientAddressOf } from '../audit/client-address.ts';
import { describeThrottling } from '../interactions/throttled-notice.ts';
import type { Pages } from '../pages/pages.ts';
import { addressCounters } from './address-counters.ts';
import { admitAttempt } from './attempt-counters.ts';

/**
 * Bounds how often the codes of devices are tried from one address: they are short, since people type them. Every form of
 * that page counts, right or wrong; nobody types so many.
 */
export const createCodeThrottle =
  ({ database, pages, logger }: { database: Queryable; pages: Pages; logger: Logger }): RequestHandler =>
  async (request, response, next) => {
    if (request.method !== 'POST') {
      next();
      return;
    }
    const admission = await admitAttempt(database, addressCounters('code by address', clientAddressOf(request)));
    if (admission.ok) {
      next();
      return;
    }
    const { retryAfterSeconds } = admission;
    const correlationId = randomUUID();
    logger.info({ correlationId }, 'device codes throttled');
    const message = describeThrottling(retryAfterSeconds);
    const page = pages.render('error', { message, detail: undefined, correlationId });
    response.status(429).set(page.headers).set('Retry-After', String(retryAfterSeconds)).send(page.body);
  };
