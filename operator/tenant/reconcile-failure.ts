import { nextConditions } from '../api/conditions.ts';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import type { ReportedStatus } from '../api/tenant-status.ts';
import type { RecordedEvent } from '../runtime/event-recorder.ts';
import { hasReason, KubernetesError, KubernetesUnreachableError } from '../runtime/kubernetes-error.ts';
import type { TenantVerdict } from './status/tenant-verdicts.ts';

/** The API server's words, which hold nothing of a Secret; of any other error, which may hold anything, its name alone. */
export const describeFailure = (error: unknown): string => {
  if (error instanceof KubernetesError || error instanceof KubernetesUnreachableError)
    return error.message.slice(0, 1_000);
  return error instanceof Error ? error.name : 'unknown error';
};

/**
 * What to tell of a pass that failed: without it the status would go on saying what the last good pass saw.
 * @returns undefined where there is nothing to tell: a conflict is the ordinary end of a race, and what this generation
 *   asked for was already there.
 */
export const planFailureReport = (
  { metadata, status }: Pick<IdentityTenant, 'metadata' | 'status'>,
  error: unknown,
  now: Date,
): { readonly status: ReportedStatus; readonly events: readonly RecordedEvent[] } | undefined => {
  const { targetVersion: _ofTheFleet, ...known } = status;
  const before = status.conditions ?? [];
  const isReady = before.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  if (hasReason(error, 'Conflict') || (isReady && status.observedGeneration === metadata.generation)) return undefined;
  const reason = 'ReconcileFailed';
  const message = `the last pass failed, and is tried again: ${describeFailure(error)}`;
  const verdicts: TenantVerdict[] = [
    { type: 'Ready', status: 'False', reason, message },
    { type: 'Reconciling', status: 'True', reason, message },
  ];
  const others = before.filter(({ type }) => !['Ready', 'Reconciling', 'Stalled'].includes(type));
  const isKnown = before.some((condition) => condition.type === 'Reconciling' && condition.reason === reason);
  return {
    status: {
      ...known,
      observedGeneration: metadata.generation,
      conditions: [...nextConditions(before, verdicts, metadata.generation, now), ...others],
    },
    events: isKnown ? [] : [{ type: 'Warning', reason, message }],
  };
};
