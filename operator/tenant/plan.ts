import type { TenantReason } from '../api/conditions.ts';
import { labels, tenantFinalizer } from '../api/group.ts';
import type { ReportedStatus, TenantStatus } from '../api/tenant-status.ts';
import type { Blueprint } from '../manifests/blueprint.ts';
import { objectNames } from '../manifests/object-names.ts';
import type { TenantObject } from '../manifests/tenant-objects.ts';
import type { RecordedEvent } from '../runtime/event-recorder.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { type DatabaseMemory, planDatabaseMemory } from './database/database-memory.ts';
import { rememberedDatabase } from './database/database-sources.ts';
import { planVolumeGrowth, type VolumeGrowth } from './database/database-volume.ts';
import { decideCacheReady, decideDatabaseReached } from './health/pods-word.ts';
import type { Observed } from './observed.ts';
import type { OperatorRelease } from './operator-release.ts';
import { decideMailConfigured } from './references/mail-configured.ts';
import { nextReferenceCheck } from './references/reference-verdicts.ts';
import { decideRoutesResolved } from './references/routes-resolved.ts';
import { decideKeysHealthy } from './secrets/keys-healthy.ts';
import { type MetadataRepair, planMetadataRepairs } from './secrets/metadata-repair.ts';
import { nextRenewal, type PlannedSecret, planRenewals, planSecrets } from './secrets/secret-plan.ts';
import { hasPendingChanges, readSituation, type Situation } from './situation.ts';
import { planEvents, planVersionEvents } from './status/tenant-events.ts';
import { buildStatus } from './status/tenant-status.ts';
import { asPaused, asWaitingForTurn, summarize, type TenantVerdict } from './status/tenant-verdicts.ts';
import { tellAutoscaling } from './workloads/autoscaling-verdicts.ts';
import { type PlannedReplicas, planReplicas } from './workloads/replica-plan.ts';
import { nextVersion } from './workloads/target-version.ts';
import { tellUpgrade } from './workloads/upgrade-verdicts.ts';
import { planSpread } from './zones/zone-spread.ts';

/** Everything that one pass is to do. */
export type Plan = {
  readonly blueprint: Blueprint;
  readonly secrets: readonly PlannedSecret[];
  /** Metadata of what is made once; among them retained objects of an earlier tenant that become this one's. */
  readonly repair: readonly MetadataRepair[];
  readonly grow: readonly VolumeGrowth[];
  /** Which database holds the data; before anything is told to use it. */
  readonly remember: DatabaseMemory | undefined;
  /** In this order; each only where it differs. */
  readonly apply: readonly TenantObject[];
  readonly replicas: readonly PlannedReplicas[];
  readonly remove: readonly LiveObject[];
  /** Names of pods that are to start again in another zone; one at most. */
  readonly evict: readonly string[];
  readonly finalizer: 'add' | 'remove' | 'keep';
  readonly status: ReportedStatus;
  readonly events: readonly RecordedEvent[];
  readonly requeueAfterMilliseconds: number;
};

/** However quiet it is: timers of more than 24 days fire at once, and a clock may be set. */
const lookAgainMilliseconds = 12 * 3_600_000;

const noChanges = {
  secrets: [],
  repair: [],
  grow: [],
  remember: undefined,
  apply: [],
  replicas: [],
  remove: [],
  evict: [],
} as const;

/** Owned objects that nothing desires any more. Never volumes, keys or credentials: those have no owner. */
const planRemoval = (observed: Observed, desired: readonly TenantObject[]): LiveObject[] => {
  const wanted = new Set(desired.map(({ kind, metadata }) => `${kind}/${metadata?.name}`));
  return observed.objects.filter(
    ({ kind, metadata }) =>
      !wanted.has(`${kind}/${metadata.name}`) &&
      metadata.deletionTimestamp === undefined &&
      metadata.labels?.[labels.tenantUid] === observed.tenant.metadata.uid &&
      metadata.ownerReferences?.some(({ uid }) => uid === observed.tenant.metadata.uid) === true &&
      !(kind === 'ConfigMap' && observed.settingsInUse.has(metadata.name)),
  );
};

const planFinalizer = ({ tenant }: Observed): Plan['finalizer'] => {
  const present = tenant.metadata.finalizers.includes(tenantFinalizer);
  const wanted = tenant.spec.deletionPolicy === 'Delete';
  if (present === wanted) return 'keep';
  return wanted ? 'add' : 'remove';
};

const earliest = (...delays: (number | undefined)[]): number =>
  Math.max(1_000, Math.min(...delays.filter((delay) => delay !== undefined)));

/**
 * How long what the spec names has been missing. Something else than what the tenant is Stalled for is news: somebody has acted,
 * and what he names now may be on its way. From then on time counts since the tenant is Reconciling again.
 */
const millisecondsUnresolved = ({ conditions = [] }: TenantStatus, references: TenantVerdict, now: Date): number => {
  const told = (type: TenantVerdict['type']) => conditions.find((condition) => condition.type === type);
  const [resolved, reconciling, stalled] = [told('ReferencesResolved'), told('Reconciling'), told('Stalled')];
  if (resolved?.status !== 'False') return 0;
  if (stalled !== undefined && stalled.reason !== 'Paused' && resolved.message !== references.message) return 0;
  const [since = ''] = [resolved.lastTransitionTime, reconciling?.lastTransitionTime ?? ''].sort().reverse();
  return now.getTime() - Date.parse(since);
};

/** What the status says of a part of a tenant that is left as it is. */
const readVerdict = ({ conditions = [] }: TenantStatus, type: TenantVerdict['type']): TenantVerdict | undefined => {
  const known = conditions.find((condition) => condition.type === type);
  // An operator wrote it, of whatever version: reasons only grow in number.
  return known && { type, status: known.status, reason: known.reason as TenantReason, message: known.message };
};

/** What holds of the tenant's parts, in the order in which they come; the first that does not is what it waits for. */
const decideParts = (observed: Observed, situation: Situation, now: Date) => {
  const { blueprint, steps, target } = situation;
  const { mode, zoneSpread } = observed.tenant.spec.availability;
  const told = target.kind === 'keep' ? readVerdict(observed.tenant.status, 'DatabaseReady') : undefined;
  const { conditions = [] } = observed.tenant.status;
  const previous = (type: TenantVerdict['type']) => conditions.find((condition) => condition.type === type);
  const migrated: TenantVerdict = steps?.database ??
    told ?? {
      type: 'DatabaseReady',
      status: 'Unknown',
      reason: 'Waiting',
      message: 'nothing is known of the database before the references are resolved and the keys are made',
    };
  const spread = planSpread(observed, situation, now);
  const remembered = rememberedDatabase(observed, blueprint);
  const database = decideDatabaseReached(
    migrated,
    observed.health,
    previous('DatabaseReady'),
    remembered,
    observed.pods,
  );
  const zonesRequired = zoneSpread === 'Required' && mode === 'HighlyAvailable';
  const services = tellAutoscaling(tellUpgrade(database, situation), blueprint, situation.live, now);
  return {
    needed: [...services.verdicts, ...(zonesRequired ? [spread.verdict] : [])],
    rest: [
      ...(zonesRequired ? [] : [spread.verdict]),
      decideCacheReady(observed.tenant.spec.cache !== undefined, observed.health, previous('CacheReady')),
      decideMailConfigured(observed.tenant.spec),
      decideRoutesResolved(observed.references),
      decideKeysHealthy(observed.secrets.get(objectNames.signingKeys(blueprint))),
    ],
    spread,
    autoscalerCheck: services.lookAgainMilliseconds,
  };
};

/** Whether something that the tenant asks for was never written. */
const isPending = (observed: Observed, { target, objects, blueprint, live }: Situation): boolean => {
  const { metadata, status } = observed.tenant;
  // Of a version that cannot be built nothing can be compared. What was Ready for this generation lacks nothing of it.
  if (target.kind === 'keep')
    return !(status.conditions ?? []).some(
      ({ type, status: is, observedGeneration }) =>
        type === 'Ready' && is === 'True' && observedGeneration === metadata.generation,
    );
  return hasPendingChanges(objects, observed) || planReplicas(blueprint, live).length > 0;
};

/** Of a tenant that works, but not as the spec asks for since: it says for what it waits, and how not to. */
const tellTurn = (
  summary: readonly TenantVerdict[],
  { tenant }: Observed,
  { target, carriedOut }: Situation,
  release: OperatorRelease,
): readonly TenantVerdict[] => {
  if (target.kind !== 'keep' || carriedOut >= tenant.metadata.generation) return summary;
  const next = nextVersion(target.version, release);
  const message = `the services run ${target.version} as before the last change of the spec: this operator carries that out when it is the tenant's turn to run ${next}; to have it at once, set spec.version to ${next}`;
  return asWaitingForTurn(summary, message);
};

/** Decides what one pass does about a tenant. Pure: the same observation at the same time gives the same plan. */
export const planTenant = (observed: Observed, release: OperatorRelease, now: Date): Plan => {
  const { tenant } = observed;
  const { paused } = tenant.spec;
  const situation = readSituation(observed, release);
  const { blueprint, references, steps, live } = situation;
  const resolved = references.status === 'True';

  // What runs goes on while something is missing: its certificates are renewed all the same.
  const secrets = resolved
    ? planSecrets(blueprint, observed.secrets, now)
    : planRenewals(blueprint, observed.secrets, now);
  const parts = decideParts(observed, situation, now);
  const unresolvedFor = millisecondsUnresolved(tenant.status, references, now);
  const summary = summarize([references, ...parts.needed], unresolvedFor);
  const told = paused
    ? asPaused(summary, isPending(observed, situation))
    : tellTurn(summary, observed, situation, release);
  const verdicts = [...told, references, ...parts.needed, ...parts.rest];

  const again = paused ? undefined : steps?.again;
  const growth = steps === undefined ? undefined : planVolumeGrowth(observed, blueprint);
  const changes = {
    secrets,
    repair: resolved ? planMetadataRepairs(observed, blueprint) : [],
    grow: growth === undefined ? [] : [growth],
    remember: steps === undefined ? undefined : planDatabaseMemory(observed, blueprint, steps.report),
    apply: steps?.apply ?? [],
    replicas: steps === undefined ? [] : planReplicas(blueprint, live),
    remove: [
      ...(steps?.complete === true ? planRemoval(observed, steps.apply) : []),
      ...(again !== undefined && again.at <= now.getTime() ? [again.job] : []),
    ],
    evict: parts.spread.evict,
  };
  const status = buildStatus(observed, situation, verdicts, now);
  const renewal = paused ? undefined : nextRenewal(blueprint, observed.secrets);
  return {
    blueprint,
    ...(paused ? noChanges : changes),
    finalizer: planFinalizer(observed),
    status,
    events: [...planEvents(tenant.status, verdicts), ...planVersionEvents(tenant.status.version, status.version)],
    requeueAfterMilliseconds: earliest(
      lookAgainMilliseconds,
      nextReferenceCheck(references, unresolvedFor),
      parts.spread.waitMilliseconds,
      parts.autoscalerCheck,
      again === undefined ? undefined : again.at - now.getTime(),
      renewal === undefined ? undefined : renewal.getTime() - now.getTime(),
    ),
  };
};
