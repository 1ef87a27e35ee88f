import type { IJob } from 'kubernetes-models/batch/v1';
import { describe, expect, it } from 'vitest';
import type { MigrationReport } from '../../../services/shared/contracts/migration-report.ts';
import type { ObservedPod } from '../observed.ts';
import { decideDatabaseReady, isMigrated, readMigrationReport } from './database-state.ts';

const jobName = 'acme-migrate-0123456789';
const migrated: MigrationReport = { outcome: 'migrated', schemaVersion: '1', applied: [], databaseId: 'a' };
const failed = (code: string): MigrationReport => ({ outcome: 'failed', reason: 'DatabaseUnreachable', code });
const complete = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: jobName },
  status: { conditions: [{ type: 'Complete', status: 'True' }] },
} as const satisfies IJob;

const pod = (createdAt: number, report?: MigrationReport, of: Partial<ObservedPod> = {}): ObservedPod => ({
  name: `${jobName}-${createdAt}`,
  component: 'migrate',
  ready: false,
  terminating: false,
  createdAt,
  ...(report === undefined ? {} : { terminationMessage: JSON.stringify(report) }),
  ...of,
});

describe('the report of a migration', () => {
  it.each([
    ['none before a pod says a word', [pod(1)], undefined],
    [
      'that of a pod that came to its end, whatever an evicted one said before',
      [pod(1, failed('a')), pod(2, migrated)],
      migrated,
    ],
    ['the same in any order', [pod(2, migrated), pod(1, failed('a'))], migrated],
    ['the last failure', [pod(1, failed('a')), pod(2, failed('b'))], failed('b')],
    ['none of another Job', [pod(1, migrated, { name: 'acme-migrate-9876543210-x' })], undefined],
    ['none of what is no report', [pod(1, undefined, { terminationMessage: 'Killed' })], undefined],
  ] as const)('is %s', (_case, pods, report) => {
    expect(readMigrationReport(pods, jobName)).toEqual(report);
  });
});

describe('a migration', () => {
  const isHeard = (job: IJob | undefined, pods: readonly ObservedPod[], needsWord: boolean) =>
    isMigrated(job, readMigrationReport(pods, jobName), pods, needsWord);

  it.each([
    ['is done when its Job is complete and its report is heard', complete, [pod(1, migrated, { ended: true })], true],
    ['goes on while its Job does', { ...complete, status: {} }, [pod(1, migrated, { ended: true })], false],
    ['waits for the word of a pod whose end is not seen yet', complete, [pod(1)], false],
    ['also behind one that failed', complete, [pod(1, failed('a'), { ended: true }), pod(2)], false],
    ['waits for no pod that ended without a word', complete, [pod(1, undefined, { ended: true })], true],
    ['nor for one that goes', complete, [pod(1, undefined, { terminating: true })], true],
    ['nor for one that is gone', complete, [], true],
  ] as const)('%s', (_case, job, pods, expected) => {
    expect(isHeard(job, pods, false)).toBe(expected);
  });

  it.each([
    ['is heard', [pod(1, migrated, { ended: true })], true],
    ['was never said', [pod(1, undefined, { ended: true })], true],
    ['goes with its pod', [pod(1, undefined, { ended: true, terminating: true })], false],
    ['is gone with its pod', [], false],
  ] as const)('whose word is needed is over, or not, when that %s', (_case, pods, expected) => {
    expect(isHeard(complete, pods, true)).toBe(expected);
  });

  it('that is not heard yet is not told to be done', () => {
    expect(decideDatabaseReady('external', complete, undefined, [pod(1)], { sharedRole: false })).toMatchObject({
      status: 'False',
      reason: 'MigrationRunning',
    });
  });
});
