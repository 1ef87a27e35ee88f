import type { Condition } from '../../api/conditions.ts';
import type { TenantStatus } from '../../api/tenant-status.ts';
import type { RecordedEvent } from '../../runtime/event-recorder.ts';
import type { TenantVerdict } from './tenant-verdicts.ts';

/** All services have come from one version to another. */
export const planVersionEvents = (before: string | undefined, now: string | undefined): RecordedEvent[] =>
  before === undefined || now === undefined || before === now
    ? []
    : [{ type: 'Normal', reason: 'Upgraded', message: `all services run ${now}, which ran ${before} before` }];

/** A zone that drops out and comes back, and the balance that comes back later, as ZoneRedundant's reasons tell it. */
const planZoneEvents = (before: Condition | undefined, { status, reason, message }: TenantVerdict): RecordedEvent[] => {
  const isLost = reason === 'ZoneDown' && before?.reason !== 'ZoneDown';
  if (isLost || (status === 'False' && before?.status === 'True'))
    return [{ type: 'Warning', reason: 'ZoneLost', message }];
  if (status === 'True' && before?.reason === 'ZoneDown' && reason !== 'ZoneDown')
    return [{ type: 'Normal', reason: 'ZoneRestored', message }];
  if (reason === 'Spread' && before?.reason === 'Unbalanced')
    return [{ type: 'Normal', reason: 'Rebalanced', message }];
  return [];
};

/** One event for each transition that people wait for or must know of. */
export const planEvents = (before: TenantStatus, verdicts: readonly TenantVerdict[]): RecordedEvent[] => {
  const conditionBefore = (type: string) => before.conditions?.find((condition) => condition.type === type);
  const isStalled = verdicts.some(({ type }) => type === 'Stalled');
  return verdicts.flatMap((verdict): RecordedEvent[] => {
    const { type, status, reason, message } = verdict;
    const old = conditionBefore(type);
    if (type === 'Ready' && status === 'True' && old?.status !== 'True')
      return [{ type: 'Normal', reason: 'Ready', message }];
    if (type === 'Stalled' && old?.reason !== reason) return [{ type: 'Warning', reason, message }];
    // What stalls the tenant at once is told once; what is only waited for is no trouble.
    if (
      type === 'ReferencesResolved' &&
      status === 'False' &&
      old?.reason !== reason &&
      !isStalled &&
      reason !== 'Waiting'
    )
      return [{ type: 'Warning', reason, message }];
    return type === 'ZoneRedundant' ? planZoneEvents(old, verdict) : [];
  });
};
