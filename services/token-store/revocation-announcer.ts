import type { Logger } from 'pino';
import { databaseErrorCode } from '../shared/postgres-errors.ts';
import type { Queryable } from '../shared/postgres-pool.ts';
import { notifyRevocations } from './queries/revocation-changes.ts';

const debounceMilliseconds = 50;

/**
 * Tells the token-stores that something was revoked, once for many commits. Only a hint, they look by themselves soon: so
 * a failure is not worth a repetition.
 */
export const createRevocationAnnouncer = (pool: Queryable, logger: Logger): (() => void) => {
  let pending = false;
  const notify = async (): Promise<void> => {
    pending = false;
    await notifyRevocations(pool).catch((error: unknown) => {
      logger.debug({ code: databaseErrorCode(error) }, 'revocation not announced');
    });
  };
  return () => {
    if (pending) return;
    pending = true;
    setTimeout(notify, debounceMilliseconds).unref();
  };
};
