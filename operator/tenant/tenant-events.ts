import type { TenantStatus } from '../api/tenant-status.ts';
import type { RecordedEvent } from '../runtime/event-recorder.ts';
import type { TenantVerdict } from './tenant-verdicts.ts';

/** All services have come from one version to another. */
export const planVersionEvents = (before: string | undefined, now: string | undefined): RecordedEvent[] =>
  before === undefined || now === undefined || before === now
    ? []
    : [{ type: 'Normal', reason: 'Upgraded', message: `all services run ${now}, which ran ${before} before` }];

/** One event for each transition that people wait for or must know of. */
export const planEvents = (before: TenantStatus, verdicts: readonly TenantVerdict[]): RecordedEvent[] => {
  const conditionBefore = (type: string) => before.conditions?.find((condition) => condition.type === type);
  const isStalled = verdicts.some(({ type }) => type === 'Stalled');
  return verdicts.flatMap(({ type, status, reason, message }): RecordedEvent[] => {
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
    if (type === 'ZoneRedundant' && status === 'False' && old?.status === 'True')
      return [{ type: 'Warning', reason: 'ZoneLost', message }];
    return [];
  });
};
