import { emptyDatabase } from '../../../services/shared/contracts/migration-report.ts';
import type { Condition } from '../../api/conditions.ts';
import { annotations } from '../../api/group.ts';
import type { ObservedPod } from '../observed.ts';
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

const silenceNote = '; no pod of theirs answers now, so that nobody has told of its return';

/** Whether a pod of each service has become ready that was made after a time (ms): to become so it had to reach the database. */
const haveStartedSince = (pods: readonly ObservedPod[], time: number): boolean =>
  (['token-store', 'auth'] as const).every((service) =>
    pods.some(({ component, ready, terminating, createdAt }) => {
      return component === service && ready && !terminating && createdAt > time;
    }),
  );

/**
 * DatabaseReady by what the pods say: a database that is migrated may be lost later. Whatever migrate says goes first. That a
 * lost one is back takes a word: of the service that lost it, of a new migration, or that pods have started since.
 * @param previous the condition as it was told last.
 */
export const decideDatabaseReached = (
  migrated: TenantVerdict,
  health: TenantHealth | undefined,
  previous: Condition | undefined,
  remembered: string | undefined,
  pods: readonly ObservedPod[],
): TenantVerdict => {
  const type = 'DatabaseReady';
  if (migrated.status !== 'True') return migrated;
  const lost = previous?.status === 'False' && isStillTold(previous, type) ? previous : undefined;
  const isSilent = health?.silent === true;
  if (isSilent && lost !== undefined && haveStartedSince(pods, Date.parse(lost.lastTransitionTime))) return migrated;
  const note = isSilent ? silenceNote : '';
  if (health?.database?.reachable === false) {
    const { reason, message } = describeLoss(health.database.error, remembered);
    return { type, status: 'False', reason, message: `${message}${note}` };
  }
  if (lost !== undefined && (health === undefined || isSilent)) {
    const reason = lost.reason === 'DatabaseChanged' ? 'DatabaseChanged' : 'DatabaseUnreachable';
    const isNoted = lost.message.endsWith(silenceNote);
    return { type, status: 'False', reason, message: isNoted ? lost.message : `${lost.message}${note}` };
  }
  return migrated;
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
