import type { IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IJob } from 'kubernetes-models/batch/v1';
import {
  emptyDatabase,
  type MigrationFailure,
  type MigrationReport,
  migrationReportSchema,
} from '../../../services/shared/contracts/migration-report.ts';
import { annotations } from '../../api/group.ts';
import { databaseUrlEntries, type MigratedDatabase } from '../../manifests/database-connection.ts';
import type { ObservedPod } from '../observed.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';
import { describeObstacle } from '../workloads/workload-state.ts';

/** Pods of a migrate Job. */
export const migratePodsOf = (pods: readonly ObservedPod[], jobName: string): ObservedPod[] =>
  pods.filter(({ component, name }) => component === 'migrate' && name.startsWith(`${jobName}-`));

const parseReport = ({ terminationMessage }: ObservedPod): MigrationReport | undefined => {
  try {
    return migrationReportSchema.parse(JSON.parse(terminationMessage ?? ''));
  } catch {
    // A container killed from outside leaves no report; the Job starts another.
    return undefined;
  }
};

/**
 * What the migrate Job's pods report: there are several where one was evicted or its node lost. One that came to its end
 * counts before all that failed, of these the last; undefined before the first report.
 */
export const readMigrationReport = (pods: readonly ObservedPod[], jobName: string): MigrationReport | undefined => {
  const reports = migratePodsOf(pods, jobName)
    .sort((one, other) => other.createdAt - one.createdAt)
    .flatMap((pod) => parseReport(pod) ?? []);
  return reports.find(({ outcome }) => outcome === 'migrated') ?? reports[0];
};

type DatabaseFault = Pick<TenantVerdict, 'reason' | 'message'>;

/** What the database turned out to be, and how the user says that it is the right one all the same. */
const describeChange = ({ expected = 'unknown', found = emptyDatabase }: MigrationFailure): string => {
  const what = found === emptyDatabase ? 'is empty' : `has the id ${found}`;
  return `the database ${what}, and the data of the tenant is in the one with the id ${expected}: correct the connection; or, to go on with this database and without that data, annotate the tenant with ${annotations.acceptDatabase}: ${found}. Nothing was changed in it, and what ran goes on with the last one`;
};

const describeFailure = (failure: MigrationFailure): DatabaseFault => {
  switch (failure.reason) {
    case 'DatabaseUnreachable':
      return {
        reason: 'DatabaseUnreachable',
        message: 'the database does not answer; it is tried again until it does',
      };
    case 'AuthenticationFailed':
      return {
        reason: 'DatabaseAuthenticationFailed',
        message: 'the database refuses the user or password of its URL; correct the Secret',
      };
    case 'PermissionDenied':
      return {
        reason: 'DatabasePermissionDenied',
        message:
          'the user of the database URL may not create schemas; grant CREATE on the database, or make it the owner',
      };
    case 'RoleMissing':
      return {
        reason: 'DatabaseRoleMissing',
        message: `the database has no such role as ${databaseUrlEntries.auth} or ${databaseUrlEntries['token-store']} names; create it, or take the URL out of the Secret`,
      };
    case 'DatabaseChanged':
      return { reason: 'DatabaseChanged', message: describeChange(failure) };
    case 'EncryptionKeyMissing':
      return {
        reason: 'EncryptionKeyMissing',
        message: `the database has data that is sealed with the data-encryption key "${failure.keyId}", which the tenant does not have; restore its Secret from a backup, or name the database of this tenant`,
      };
    case 'EncryptionKeyChanged':
      return {
        reason: 'EncryptionKeyChanged',
        message: `the database has data that is sealed with another data-encryption key "${failure.keyId}" than the tenant has; restore its Secret from a backup, or name the database of this tenant`,
      };
    case 'MigrationFailed':
      return { reason: 'MigrationFailed', message: 'a migration failed; the log of the migrate Job says which' };
  }
};

const sharedRoleMessage =
  'the database answers and its schema is up to date; its user may make no roles, so that auth and token-store use it too, and may change the schema: grant it CREATEROLE, or name roles of theirs by auth-url and token-store-url';

/** The condition of a Job that has come to its end, well or not. */
export const findJobEnd = (job: IJob | undefined, type: 'Complete' | 'Failed') =>
  job?.status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');

/**
 * Whether migrate has come to its end, and was heard: what it says decides how the services are connected, and the watch of
 * its pods may lag behind that of Jobs. A pod that went is waited for no more, unless its word is needed; nor is one that
 * ended without any.
 * @param needsWord whether nothing else tells what it found out.
 */
export const isMigrated = (
  job: IJob | undefined,
  report: MigrationReport | undefined,
  pods: readonly ObservedPod[],
  needsWord: boolean,
): boolean => {
  if (findJobEnd(job, 'Complete') === undefined) return false;
  if (report?.outcome === 'migrated') return true;
  const own = migratePodsOf(pods, job?.metadata?.name ?? '');
  const hasEnded = own.every(({ ended, terminating }) => ended === true || terminating);
  return hasEnded && (!needsWord || own.some(({ terminating }) => !terminating));
};

/** What migrate is at, while it has not said how it went. */
const describeWork = (job: IJob | undefined, pods: readonly ObservedPod[]): string => {
  const failure = findJobEnd(job, 'Failed');
  if (failure !== undefined) {
    const why = failure.reason === undefined ? '' : ` (${failure.reason})`;
    return `the migrate Job has failed${why}, and is made again; look who limits its tries or its time`;
  }
  const isOver = findJobEnd(job, 'Complete') !== undefined;
  if (isOver && migratePodsOf(pods, job?.metadata?.name ?? '').every(({ terminating }) => terminating))
    return 'migrate came to its end, and its pod was gone before anybody heard what it found; it runs once more';
  return `the schema of the database is being brought up to date${describeObstacle(pods, 'migrate')}`;
};

/**
 * Whether the database is there with its schema at this version. The operator never connects itself: it goes by the
 * StatefulSet, the Job and the Job's report.
 * @param database the managed StatefulSet; 'external' for a database of the user's.
 * @param found what migrate found out: by its word, or without.
 */
export const decideDatabaseReady = (
  database: IStatefulSet | 'external' | undefined,
  job: IJob | undefined,
  report: MigrationReport | undefined,
  pods: readonly ObservedPod[],
  { sharedRole, unknown = false }: MigratedDatabase,
): TenantVerdict => {
  const type = 'DatabaseReady';
  if (database !== 'external' && (database?.status?.readyReplicas ?? 0) < 1) {
    const message = `the managed PostgreSQL is not ready yet${describeObstacle(pods, 'database')}`;
    return { type, status: 'False', reason: 'DatabaseStarting', message };
  }
  if (isMigrated(job, report, pods, unknown)) {
    return sharedRole
      ? { type, status: 'True', reason: 'SharedRole', message: sharedRoleMessage }
      : { type, status: 'True', reason: 'Migrated', message: 'the database answers and its schema is up to date' };
  }
  if (report?.outcome === 'failed') {
    const { reason, message } = describeFailure(report);
    const code = report.code === undefined ? '' : ` (${report.code})`;
    return { type, status: 'False', reason, message: `${message}${code}` };
  }
  return { type, status: 'False', reason: 'MigrationRunning', message: describeWork(job, pods) };
};
