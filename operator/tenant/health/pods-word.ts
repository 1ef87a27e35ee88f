import { emptyDatabase } from '../../../services/shared/contracts/migration-report.ts';
import type { Condition } from '../../api/conditions.ts';
import { annotations } from '../../api/group.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';
import type { TenantHealth } from './tenant-health.ts';

/** What begins so was told by pods: while they have not been asked again, as after a start of the operator, it stays. */
const wordOfPods = 'the services';

const describeLoss = (error: string, remembered: string | undefined): Pick<TenantVerdict, 'reason' | 'message'> =>
  error === 'DATABASE_CHANGED'
    ? {
        reason: 'DatabaseChanged',
        message: `${wordOfPods} find another database than the one with the id ${remembered ?? 'that they were told'}, or an empty one, and do not work with it: correct the connection; or, to go on with it and without the data of the tenant, annotate the tenant with ${annotations.acceptDatabase}: its id, or ${emptyDatabase}`,
      }
    : {
        reason: 'DatabaseUnreachable',
        message: `${wordOfPods} do not reach the database (${error}); what needs it is answered with 503 until they do`,
      };

const isStillTold = (previous: Condition | undefined, type: TenantVerdict['type']): previous is Condition =>
  previous?.type === type && previous.message.startsWith(wordOfPods);

/**
 * DatabaseReady by what the pods say: a database that is migrated may be lost later. Whatever migrate says goes first.
 * @param previous the condition as it was told last.
 */
export const decideDatabaseReached = (
  migrated: TenantVerdict,
  health: TenantHealth | undefined,
  previous: Condition | undefined,
  remembered: string | undefined,
): TenantVerdict => {
  const type = 'DatabaseReady';
  if (migrated.status !== 'True') return migrated;
  if (health === undefined && previous?.status === 'False' && isStillTold(previous, type)) {
    const reason = previous.reason === 'DatabaseChanged' ? 'DatabaseChanged' : 'DatabaseUnreachable';
    return { type, status: 'False', reason, message: previous.message };
  }
  if (health?.database === undefined || health.database.reachable) return migrated;
  return { type, status: 'False', ...describeLoss(health.database.error, remembered) };
};

/** Whether the cache is reached. Nothing depends on it. */
export const decideCacheReady = (
  isConfigured: boolean,
  health: TenantHealth | undefined,
  previous: Condition | undefined,
): TenantVerdict => {
  const type = 'CacheReady';
  if (!isConfigured) {
    return { type, status: 'Unknown', reason: 'NotConfigured', message: 'the tenant names no cache' };
  }
  if (health?.cache?.reachable === true)
    return { type, status: 'True', reason: 'Reachable', message: `${wordOfPods} reach the cache` };
  if (health?.cache?.reachable === false) {
    const message = `${wordOfPods} do not reach the cache (${health.cache.error}); they do without it, and answers take longer`;
    return { type, status: 'False', reason: 'CacheUnreachable', message };
  }
  if (health === undefined && isStillTold(previous, type)) {
    const reason = previous.status === 'True' ? 'Reachable' : 'CacheUnreachable';
    return { type, status: previous.status, reason, message: previous.message };
  }
  return { type, status: 'Unknown', reason: 'Waiting', message: 'no pod of the token-store has told of the cache yet' };
};
