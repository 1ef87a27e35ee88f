import type { IJob } from 'kubernetes-models/batch/v1';
import { describe, expect, it } from 'vitest';
import type { ObservedPod } from '../observed.ts';
import { planMigrationAgain } from './migration-again.ts';

const name = 'acme-migrate-0123456789';
const endedAt = '2026-01-01T12:00:00Z';
const jobThat = (
  type: 'Complete' | 'Failed' | 'Suspended',
  lastTransitionTime: string | undefined = endedAt,
): IJob => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  status: { conditions: [{ type, status: 'True', lastTransitionTime }] },
});
const pod: ObservedPod = { name: `${name}-x`, component: 'migrate', ready: false, terminating: false, createdAt: 0 };
const databaseReady = (status: 'True' | 'False', lastTransitionTime: string) => ({
  conditions: [{ type: 'DatabaseReady', status, reason: 'R', message: '', lastTransitionTime, observedGeneration: 1 }],
});

describe('a migrate Job is made again', () => {
  const secondsAfter = (...[job, pods, status]: Parameters<typeof planMigrationAgain>) => {
    const at = planMigrationAgain(job, pods, status);
    return at === undefined ? undefined : (at - Date.parse(endedAt)) / 1_000;
  };

  it.each([
    ['never while it is at work', jobThat('Suspended'), [], undefined],
    ['never before there is one', undefined, [], undefined],
    ['when its pods are gone, and were not only not seen yet', jobThat('Complete'), [], 10],
    ['never while a pod of it can be heard, or goes', jobThat('Complete'), [pod], undefined],
    ['when that of another Job is there alone', jobThat('Complete'), [{ ...pod, name: 'acme-migrate-9-x' }], 10],
    ['when it has failed, whatever its pods said', jobThat('Failed'), [pod], 10],
  ] as const)('%s', (_case, job, pods, expected) => {
    expect(secondsAfter(job, pods, {})).toBe(expected);
  });

  it.each([
    ['soon, when the database was ready until now', databaseReady('True', '2026-01-01T00:00:00Z'), 10],
    ['soon at first', databaseReady('False', '2026-01-01T11:59:55Z'), 10],
    ['after as long as it was waited for before', databaseReady('False', '2026-01-01T11:58:30Z'), 90],
    ['every five minutes at last', databaseReady('False', '2025-12-24T12:00:00Z'), 300],
  ] as const)('%s', (_case, status, expected) => {
    expect(secondsAfter(jobThat('Failed'), [], status)).toBe(expected);
  });

  it('at once where nobody says when it ended', () => {
    const silent = jobThat('Complete');
    for (const condition of silent.status?.conditions ?? []) delete condition.lastTransitionTime;
    expect(planMigrationAgain(silent, [], {})).toBe(0);
  });

  it('by whoever comes after it, when it goes already', () => {
    const failed = jobThat('Failed');
    const leaving = { ...failed, metadata: { name, deletionTimestamp: endedAt } };
    expect(planMigrationAgain(leaving, [], {})).toBeUndefined();
  });
});
