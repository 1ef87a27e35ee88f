import { type Condition, nextConditions } from '../../api/conditions.ts';
import type { ReportedStatus, TenantStatus } from '../../api/tenant-status.ts';
import { parseKeyring } from '../../keys/signing-keyring.ts';
import { type Component, isDatabaseManaged } from '../../manifests/blueprint.ts';
import { objectNames } from '../../manifests/object-names.ts';
import { rememberedDatabase } from '../database/database-sources.ts';
import type { Observed } from '../observed.ts';
import type { Situation } from '../situation.ts';
import { readReplicaTarget } from '../workloads/replica-plan.ts';
import { availabilityTypes, readWorkloadState } from '../workloads/workload-state.ts';
import type { TenantVerdict } from './tenant-verdicts.ts';

/** The CRD takes no more zones: with hosts as zones there may be hundreds. */
const maxZones = 64;

const readKeys = ({ secrets }: Observed, { blueprint }: Situation): Pick<TenantStatus, 'keys'> => {
  const keyring = parseKeyring(secrets.get(objectNames.signingKeys(blueprint))?.entries ?? {});
  if (keyring === undefined) return {};
  return {
    keys: keyring.keys.map(({ kid, algorithm, state, activatedAt, createdAt }) => ({
      kid,
      algorithm,
      state,
      since: activatedAt ?? createdAt,
    })),
  };
};

/** The database that the tenant remembers; of its image only what a pass does bring about, not what a pause holds up. */
const readDatabase = (
  observed: Observed,
  { blueprint, steps, defaultDatabaseImage }: Situation,
): Pick<TenantStatus, 'database'> => {
  const { spec, status } = observed.tenant;
  const migrated = steps?.report?.outcome === 'migrated' ? steps.report.databaseId : undefined;
  const id = migrated ?? rememberedDatabase(observed, blueprint);
  const isBuilt = steps !== undefined && !spec.paused;
  const image = isBuilt ? defaultDatabaseImage : status.database?.defaultImage;
  const defaultImage = isDatabaseManaged(spec) ? image : undefined;
  if (id === undefined && defaultImage === undefined) return {};
  return {
    database: { ...(id === undefined ? {} : { id }), ...(defaultImage === undefined ? {} : { defaultImage }) },
  };
};

/** What is told of the services is of the generation that they were told of. */
const readConditions = (
  { tenant }: Observed,
  { carriedOut }: Situation,
  verdicts: readonly TenantVerdict[],
  now: Date,
): Condition[] => {
  const ofServices = new Set<string>(Object.values(availabilityTypes));
  return nextConditions(tenant.status.conditions ?? [], verdicts, tenant.metadata.generation, now).map((condition) =>
    ofServices.has(condition.type) ? { ...condition, observedGeneration: carriedOut } : condition,
  );
};

/** The status that tells of this observation and what was decided of it. */
export const buildStatus = (
  observed: Observed,
  situation: Situation,
  verdicts: readonly TenantVerdict[],
  now: Date,
): ReportedStatus => {
  const { metadata, spec } = observed.tenant;
  const { blueprint, live, running, zonesOf, allZones } = situation;
  const everywhere = allZones.filter((zone) => Object.values(zonesOf).every((zones) => zones.includes(zone)));
  const service = (component: Component) => ({
    ...readWorkloadState(live.deployment(component), readReplicaTarget(blueprint, component, live).desired),
    zones: zonesOf[component].slice(0, maxZones),
  });
  return {
    observedGeneration: metadata.generation,
    conditions: readConditions(observed, situation, verdicts, now),
    endpoints: { issuer: spec.issuer, discovery: `${spec.issuer}/.well-known/openid-configuration` },
    ...(running === undefined ? {} : { version: running }),
    ...readDatabase(observed, situation),
    services: { gateway: service('gateway'), auth: service('auth'), tokenStore: service('token-store') },
    zones: `${everywhere.length}/${allZones.length}`,
    ...readKeys(observed, situation),
  };
};
