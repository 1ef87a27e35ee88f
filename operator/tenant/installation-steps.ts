import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IJob } from 'kubernetes-models/batch/v1';
import type { MigrationReport } from '../../services/shared/contracts/migration-report.ts';
import { labels } from '../api/group.ts';
import { type Blueprint, type Component, components, isDatabaseManaged } from '../manifests/blueprint.ts';
import { objectNames } from '../manifests/object-names.ts';
import { listTenantObjects, type TenantObject, type TenantObjects } from '../manifests/tenant-objects.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { decideDatabaseReady, isMigrated, readMigrationReport } from './database/database-state.ts';
import { planMigrationAgain } from './database/migration-again.ts';
import { findObject, type Observed } from './observed.ts';
import type { TenantVerdict } from './status/tenant-verdicts.ts';

/** What runs of a tenant. */
export type Live = {
  deployment: (component: Component) => IDeployment | undefined;
  autoscaler: (component: Component) => LiveObject | undefined;
  database: IStatefulSet | 'external' | undefined;
};

// Objects come out of a cache by kind and name: the kind says which type the API server validated them as.
export const readLive = (observed: Observed, blueprint: Blueprint): Live => ({
  deployment: (component) =>
    findObject(observed, 'Deployment', objectNames.workload(blueprint, component)) as IDeployment | undefined,
  autoscaler: (component) =>
    findObject(observed, 'HorizontalPodAutoscaler', objectNames.workload(blueprint, component)),
  database: isDatabaseManaged(blueprint.spec)
    ? (findObject(observed, 'StatefulSet', objectNames.database(blueprint)) as IStatefulSet | undefined)
    : 'external',
});

export type Steps = {
  readonly apply: TenantObject[];
  /** Whether everything that is desired is in `apply`: what is not is desired no more. */
  readonly complete: boolean;
  readonly database: TenantVerdict;
  /** What migrate has told last, of the database that the tenant asks for. */
  readonly report: MigrationReport | undefined;
  /** The migrate Job, where it has to be made again, and from when on, ms since 1970. */
  readonly again: { readonly job: LiveObject; readonly at: number } | undefined;
};

/**
 * How far the installation, or an upgrade, may go in this pass: each step waits for what it needs.
 * @param open services that may change now; what runs of the others is left as it is.
 */
export const planSteps = (
  observed: Observed,
  objects: TenantObjects,
  live: Live,
  open: readonly Component[],
): Steps => {
  const present = findObject(observed, 'Job', objects.migrateJob.metadata?.name ?? '');
  const job = present as IJob | undefined;
  const report = readMigrationReport(observed.pods, objects.migrateJob.metadata?.name ?? '');
  const database = decideDatabaseReady(live.database, job, report, observed.pods, objects.migrated);
  const isDone = isMigrated(job, report, observed.pods, objects.migrated.unknown ?? false);
  const at = isDone ? undefined : planMigrationAgain(job, observed.pods, observed.tenant.status);
  const again = present === undefined || at === undefined ? undefined : { job: present, at };
  const foundation = [...objects.foundation, ...(objects.database === undefined ? [] : [objects.database])];
  if (database.reason === 'DatabaseStarting' && job === undefined)
    return { apply: foundation, complete: false, database, report, again };
  if (!isDone) return { apply: [...foundation, objects.migrateJob], complete: false, database, report, again };
  const mayApply = ({ kind, metadata }: TenantObject): boolean =>
    kind !== 'Deployment' || open.some((component) => component === metadata?.labels?.[labels.component]);
  return {
    apply: listTenantObjects(objects).filter(mayApply),
    complete: open.length === components.length,
    database,
    report,
    again,
  };
};
