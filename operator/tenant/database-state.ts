import type { IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IJob } from 'kubernetes-models/batch/v1';
import { type MigrationReport, migrationReportSchema } from '../../services/shared/contracts/migration-report.ts';
import type { TenantConditionType, TenantReason, Verdict } from '../api/conditions.ts';
import type { ObservedPod } from './observed.ts';
import { describeObstacle } from './workload-state.ts';

/** The last report of the migrate Job's pods; undefined before the first one. */
export const readMigrationReport = (pods: readonly ObservedPod[], jobName: string): MigrationReport | undefined => {
  for (const pod of pods) {
    if (pod.component !== 'migrate' || !pod.name.startsWith(`${jobName}-`) || pod.terminationMessage === undefined)
      continue;
    try {
      return migrationReportSchema.parse(JSON.parse(pod.terminationMessage));
    } catch {
      // A container killed from outside leaves no report; the Job starts another.
    }
  }
  return undefined;
};

type FailureReason = Extract<MigrationReport, { outcome: 'failed' }>['reason'];

const failures: Readonly<Record<FailureReason, { reason: TenantReason; advice: string }>> = {
  DatabaseUnreachable: {
    reason: 'DatabaseUnreachable',
    advice: 'the database does not answer; it is tried again until it does',
  },
  AuthenticationFailed: {
    reason: 'DatabaseAuthenticationFailed',
    advice: 'the database refuses the user or password of its URL; correct the Secret',
  },
  PermissionDenied: {
    reason: 'DatabasePermissionDenied',
    advice: 'the user of the database URL may not create schemas or roles; grant CREATE on the database and CREATEROLE',
  },
  MigrationFailed: { reason: 'MigrationFailed', advice: 'a migration failed; the log of the migrate Job says which' },
};

export const isJobComplete = (job: IJob | undefined): boolean =>
  job?.status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True') ?? false;

/**
 * Whether the database is there with its schema at this version. The operator never connects itself: it goes by the
 * StatefulSet, the Job and the Job's report.
 * @param database the managed StatefulSet; 'external' for a database of the user's.
 */
export const decideDatabaseReady = (
  database: IStatefulSet | 'external' | undefined,
  job: IJob | undefined,
  report: MigrationReport | undefined,
  pods: readonly ObservedPod[],
): Verdict<TenantConditionType, TenantReason> => {
  const type = 'DatabaseReady';
  if (database !== 'external' && (database?.status?.readyReplicas ?? 0) < 1) {
    const message = `the managed PostgreSQL is not ready yet${describeObstacle(pods, 'database')}`;
    return { type, status: 'False', reason: 'DatabaseStarting', message };
  }
  if (isJobComplete(job)) {
    return { type, status: 'True', reason: 'Migrated', message: 'the database answers and its schema is up to date' };
  }
  if (report?.outcome === 'failed') {
    const { reason, advice } = failures[report.reason];
    const code = report.code === undefined ? '' : ` (${report.code})`;
    return { type, status: 'False', reason, message: `${advice}${code}` };
  }
  return {
    type,
    status: 'False',
    reason: 'MigrationRunning',
    message: `the schema of the database is being brought up to date${describeObstacle(pods, 'migrate')}`,
  };
};
