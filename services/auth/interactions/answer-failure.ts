import { randomUUID } from 'node:crypto';
import { errors } from 'oidc-provider';
import type { Logger } from 'pino';
import { databaseErrorCode, isDatabaseUnavailable } from '../../shared/postgres-errors.ts';
import { TokenStoreUnavailable } from '../../token-store/client/token-store-client.ts';
import { HashingOverloaded } from '../accounts/concurrency-limit.ts';
import type { Pages } from '../pages/pages.ts';
import { texts } from '../pages/texts.ts';
import { retryAfterSeconds } from '../provider/provider-answers.ts';
import { ForgedForm } from './forged-form.ts';
import type { InteractionAnswer, InteractionUnitOptions } from './interaction-unit.ts';

/** The page in place of an answer whose work was not written, or whose route threw; what it says is in the log too. */
export const createAnswerFailure =
  ({ pages, logger }: { pages: Pages; logger: Logger }): InteractionUnitOptions['answerFailure'] =>
  (failure) => {
    const correlationId = randomUUID();
    const error = failure.kind === 'threw' ? failure.error : undefined;
    const failed = (status: number, message: string, wait?: number): InteractionAnswer => ({
      kind: 'page',
      status,
      page: pages.render('error', { message, detail: undefined, correlationId }),
      ...(wait !== undefined && { retryAfterSeconds: wait }),
    });
    if (failure.kind === 'unavailable') {
      logger.warn({ correlationId, err: failure.cause }, 'token store unavailable');
      return failed(503, texts.errors.unavailable, retryAfterSeconds);
    }
    if (failure.kind === 'refused') {
      logger.info({ correlationId, reason: failure.reason }, 'commit refused');
      return failed(400, texts.errors.overtaken);
    }
    if (error instanceof errors.SessionNotFound) return failed(400, texts.errors.expired);
    if (error instanceof ForgedForm) return failed(403, texts.errors.forgedForm);
    if (error instanceof HashingOverloaded) {
      logger.warn({ correlationId }, 'too many password hashes wait');
      return failed(503, texts.errors.busy, retryAfterSeconds);
    }
    if (error instanceof TokenStoreUnavailable) {
      logger.warn({ correlationId, err: error }, 'token store unavailable');
      return failed(503, texts.errors.unavailable, retryAfterSeconds);
    }
    if (isDatabaseUnavailable(error)) {
      logger.warn({ correlationId, code: databaseErrorCode(error) }, 'database unavailable');
      return failed(503, texts.errors.unavailable, retryAfterSeconds);
    }
    logger.error({ correlationId, err: error }, 'request failed');
    return failed(500, texts.errors.unexpected);
  };
