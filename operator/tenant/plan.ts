import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IJob } from 'kubernetes-models/batch/v1';
import { nextConditions } from '../api/conditions.ts';
import { annotations, labels, tenantFinalizer } from '../api/group.ts';
import type { TenantStatus } from '../api/identity-tenant.ts';
import { tlsEntries } from '../keys/internal-certificate.ts';
import { databasePasswordEntries } from '../keys/random-secrets.ts';
import { parseKeyring } from '../keys/signing-keyring.ts';
import {
  type Blueprint,
  type Component,
  components,
  desiredReplicas,
  isDatabaseManaged,
} from '../manifests/blueprint.ts';
import type { DatabaseSources } from '../manifests/database-connection.ts';
import { objectNames } from '../manifests/object-names.ts';
import { buildTenantObjects, type TenantObject, type TenantObjects } from '../manifests/tenant-objects.ts';
import { findApplyReason } from '../runtime/desired-state.ts';
import type { RecordedEvent } from '../runtime/event-recorder.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources, type ResourceKind } from '../runtime/resource-kind.ts';
import { decideDatabaseReady, isJobComplete, readMigrationReport } from './database-state.ts';
import { findObject, type Observed } from './observed.ts';
import {
  areSecretsComplete,
  nextRenewal,
  type PlannedSecret,
  planSecretAdoption,
  planSecrets,
  retainedSecrets,
} from './secret-plan.ts';
import { referencePatienceMilliseconds, summarize, type TenantVerdict } from './tenant-verdicts.ts';
import { decideWorkloadAvailable, decideZoneRedundant, readWorkloadState, readyZones } from './workload-state.ts';

/** What the operator brings along: the version that it runs, and the images. */
export type OperatorRelease = { readonly version: string; readonly image: string; readonly databaseImage: string };

/** Everything that one pass is to do. */
export type Plan = {
  readonly blueprint: Blueprint;
  readonly secrets: readonly PlannedSecret[];
  /** Retained objects of an earlier tenant that become this one's. */
  readonly adopt: readonly { readonly resource: ResourceKind; readonly name: string }[];
  /** In this order; each only where it differs. */
  readonly apply: readonly TenantObject[];
  readonly replicas: readonly { readonly deployment: string; readonly replicas: number }[];
  readonly remove: readonly LiveObject[];
  readonly finalizer: 'add' | 'remove' | 'keep';
  readonly status: TenantStatus;
  readonly events: readonly RecordedEvent[];
  readonly requeueAfterMilliseconds?: number;
};

/** A broken reference is looked at again after this long even if no event came. */
const brokenReferencePeriod = 5 * 60_000;
/** So is a taken name: what is not ours is not watched, so that nobody tells when it goes. */
const takenNamePeriod = 10_000;

const buildBlueprint = ({ tenant, nodes }: Observed, release: OperatorRelease): Blueprint => ({
  name: tenant.metadata.name,
  namespace: tenant.metadata.namespace,
  uid: tenant.metadata.uid,
  spec: tenant.spec,
  version: tenant.spec.version ?? release.version,
  image: tenant.spec.image ?? release.image,
  databaseImage: tenant.spec.database?.managed?.image ?? release.databaseImage,
  zonesLabelled: nodes.some(({ zone }) => zone !== undefined),
});

const decideReferences = ({ references, taken, refused }: Observed): TenantVerdict => {
  const type = 'ReferencesResolved';
  if (taken !== undefined) {
    const message = `${taken} belongs to somebody else and is left alone; delete or rename it, or give the tenant another name`;
    return { type, status: 'False', reason: 'NameTaken', message };
  }
  if (refused !== undefined) {
    const message = `the API server refuses what the tenant asks for; correct the tenant, or the policy that forbids it: ${refused.slice(0, 1_000)}`;
    return { type, status: 'False', reason: 'ObjectRefused', message };
  }
  for (const { field, name, secret, requiredEntries } of references) {
    if (secret === undefined) {
      const message = `Secret "${name}" is not there; create it, or name another Secret in ${field}`;
      return { type, status: 'False', reason: 'SecretNotFound', message };
    }
    const missing = requiredEntries.find((entry) => secret.entries[entry] === undefined);
    if (missing !== undefined) {
      const message = `Secret "${name}" has no key "${missing}"; add it, or name another Secret in ${field}`;
      return { type, status: 'False', reason: 'SecretKeyMissing', message };
    }
  }
  return { type, status: 'True', reason: 'Resolved', message: 'every Secret that the spec names is there' };
};

/** What a tenant of this name left behind, when it must not be used or cannot be replaced. */
const decideRetained = (observed: Observed, blueprint: Blueprint): TenantVerdict | undefined => {
  const retained = [
    ...retainedSecrets(blueprint).map(({ name }) => observed.secrets.get(name)),
    findObject(observed, 'PersistentVolumeClaim', objectNames.databaseVolume(blueprint)),
  ].filter((object) => object !== undefined);
  for (const { kind, metadata } of retained) {
    const issuer = metadata.annotations?.[annotations.issuer];
    if (issuer !== blueprint.spec.issuer) {
      return {
        type: 'ReferencesResolved',
        status: 'False',
        reason: 'RetainedObjectsOfAnotherIssuer',
        message: `${kind} "${metadata.name}" holds keys or data of the issuer ${issuer ?? 'of nobody'}; delete all that its tenant left, or choose another name`,
      };
    }
  }
  const dataExists =
    observed.databaseVolumeExists || findObject(observed, 'Deployment', objectNames.workload(blueprint, 'token-store'));
  const irreplaceable = [objectNames.dataEncryptionKeys(blueprint), objectNames.databaseCredentials(blueprint)];
  const lost = irreplaceable.find((name) => !observed.secrets.has(name));
  if (!dataExists || lost === undefined) return undefined;
  return {
    type: 'ReferencesResolved',
    status: 'False',
    reason: 'EncryptionKeyMissing',
    message: `Secret "${lost}" is gone, and data that needs it is there; restore it from a backup`,
  };
};

const databaseSources = ({ secrets, references }: Observed, blueprint: Blueprint): DatabaseSources => {
  const passwords = secrets.get(objectNames.databaseCredentials(blueprint))?.entries ?? {};
  const external = references.find(({ field }) => field.startsWith('spec.database'))?.secret?.entries;
  const ca = external?.['ca.crt'];
  return {
    passwords: {
      owner: passwords[databasePasswordEntries.owner] ?? '',
      auth: passwords[databasePasswordEntries.auth] ?? '',
      tokenStore: passwords[databasePasswordEntries.tokenStore] ?? '',
    },
    ...(external === undefined
      ? {}
      : { external: { url: external['url'] ?? '', ...(ca === undefined ? {} : { ca }) } }),
    internalCa: secrets.get(objectNames.certificateAuthority(blueprint))?.entries[tlsEntries.certificate] ?? '',
  };
};

type Live = {
  deployment: (component: Component) => IDeployment | undefined;
  database: IStatefulSet | 'external' | undefined;
};

// Objects come out of a cache by kind and name: the kind says which type the API server validated them as.
const readLive = (observed: Observed, blueprint: Blueprint): Live => ({
  deployment: (component) =>
    findObject(observed, 'Deployment', objectNames.workload(blueprint, component)) as IDeployment | undefined,
  database: isDatabaseManaged(blueprint.spec)
    ? (findObject(observed, 'StatefulSet', objectNames.database(blueprint)) as IStatefulSet | undefined)
    : 'external',
});

type Steps = { readonly apply: TenantObject[]; readonly complete: boolean; readonly database: TenantVerdict };

/** How far the installation may go in this pass: each step waits for what it needs. */
const planSteps = (observed: Observed, objects: TenantObjects, live: Live): Steps => {
  const job = findObject(observed, 'Job', objects.migrateJob.metadata?.name ?? '') as IJob | undefined;
  const report = readMigrationReport(observed.pods, objects.migrateJob.metadata?.name ?? '');
  const database = decideDatabaseReady(live.database, job, report);
  const foundation = [...objects.foundation, ...(objects.database === undefined ? [] : [objects.database])];
  if (database.reason === 'DatabaseStarting' && job === undefined)
    return { apply: foundation, complete: false, database };
  if (!isJobComplete(job)) return { apply: [...foundation, objects.migrateJob], complete: false, database };
  return { apply: [...foundation, objects.migrateJob, ...objects.workloads], complete: true, database };
};

const planAdoption = (observed: Observed, blueprint: Blueprint): Plan['adopt'] => {
  const volume = findObject(observed, 'PersistentVolumeClaim', objectNames.databaseVolume(blueprint));
  const isLeft = volume !== undefined && volume.metadata.labels?.[labels.tenantUid] !== blueprint.uid;
  return [
    ...planSecretAdoption(blueprint, observed.secrets).map((name) => ({ resource: builtInResources.secrets, name })),
    ...(isLeft ? [{ resource: builtInResources.persistentVolumeClaims, name: volume.metadata.name }] : []),
  ];
};

/**
 * Whether a Deployment is already what this generation asks for; while nothing is known of that, what runs counts. Drift
 * is repaired in this pass and, where a webhook insists on it, would otherwise say so for ever.
 */
const isWorkloadApplied = (objects: TenantObjects | undefined, observed: Observed, name: string): boolean => {
  const desired = objects?.workloads.find(({ metadata }) => metadata?.name === name);
  if (desired === undefined) return true;
  const live = findObject(observed, 'Deployment', name);
  return findApplyReason(desired, live, annotations.desiredHash)?.reason !== 'changed';
};

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

const planReplicas = (blueprint: Blueprint, live: Live): { deployment: string; replicas: number }[] =>
  components.flatMap((component) => {
    const replicas = desiredReplicas(blueprint, component);
    const deployment = live.deployment(component);
    return deployment?.spec?.replicas === replicas
      ? []
      : [{ deployment: objectNames.workload(blueprint, component), replicas }];
  });

const planEvents = (before: TenantStatus, verdicts: readonly TenantVerdict[]): RecordedEvent[] => {
  const conditionBefore = (type: string) => before.conditions?.find((condition) => condition.type === type);
  return verdicts.flatMap(({ type, status, reason, message }): RecordedEvent[] => {
    const old = conditionBefore(type);
    if (type === 'Ready' && status === 'True' && old?.status !== 'True')
      return [{ type: 'Normal', reason: 'Ready', message }];
    if (type === 'Stalled' && old?.reason !== reason) return [{ type: 'Warning', reason, message }];
    if (type === 'ReferencesResolved' && status === 'False' && old?.reason !== reason)
      return [{ type: 'Warning', reason, message }];
    if (type === 'ZoneRedundant' && status === 'False' && old?.status === 'True')
      return [{ type: 'Warning', reason: 'ZoneLost', message }];
    return [];
  });
};

const planFinalizer = ({ tenant }: Observed): Plan['finalizer'] => {
  const present = tenant.metadata.finalizers.includes(tenantFinalizer);
  const wanted = tenant.spec.deletionPolicy === 'Delete';
  if (present === wanted) return 'keep';
  return wanted ? 'add' : 'remove';
};

/** When to look again at what the tenant needs from others; events may come before. */
const nextReferenceCheck = ({ reason, status }: TenantVerdict, unresolvedFor: number): number | undefined => {
  if (status === 'True') return undefined;
  if (reason === 'NameTaken') return takenNamePeriod;
  return unresolvedFor < referencePatienceMilliseconds
    ? referencePatienceMilliseconds - unresolvedFor
    : brokenReferencePeriod;
};

const earliest = (...delays: (number | undefined)[]): number | undefined => {
  const known = delays.filter((delay) => delay !== undefined);
  return known.length === 0 ? undefined : Math.max(1_000, Math.min(...known));
};

/** Decides what one pass does about a tenant. Pure: the same observation at the same time gives the same plan. */
export const planTenant = (observed: Observed, release: OperatorRelease, now: Date): Plan => {
  const { tenant } = observed;
  const blueprint = buildBlueprint(observed, release);
  const live = readLive(observed, blueprint);
  const references = decideRetained(observed, blueprint) ?? decideReferences(observed);
  const resolved = references.status === 'True';

  const secrets = resolved ? planSecrets(blueprint, observed.secrets, now) : [];
  const objects =
    resolved && areSecretsComplete(blueprint, observed.secrets)
      ? buildTenantObjects(blueprint, databaseSources(observed, blueprint))
      : undefined;
  const steps = objects === undefined ? undefined : planSteps(observed, objects, live);

  const zonesOf = {
    gateway: readyZones(observed.pods, observed.nodes, 'gateway'),
    auth: readyZones(observed.pods, observed.nodes, 'auth'),
    'token-store': readyZones(observed.pods, observed.nodes, 'token-store'),
  };
  const allZones = [...new Set(observed.nodes.flatMap(({ zone }) => (zone === undefined ? [] : [zone])))].sort();
  const zoneRedundant = decideZoneRedundant(zonesOf, allZones, tenant.spec.availability.topologyKey);
  const database = steps?.database ?? {
    type: 'DatabaseReady' as const,
    status: 'Unknown' as const,
    reason: 'Waiting' as const,
    message: 'nothing is known of the database before the references are resolved and the keys are made',
  };
  const available = components.map((component) =>
    decideWorkloadAvailable(
      component,
      live.deployment(component),
      desiredReplicas(blueprint, component),
      observed.pods,
      isWorkloadApplied(objects, observed, objectNames.workload(blueprint, component)),
    ),
  );
  const zonesRequired =
    tenant.spec.availability.zoneSpread === 'Required' && tenant.spec.availability.mode === 'HighlyAvailable';

  const before = tenant.status.conditions ?? [];
  const unresolvedSince = before.find(
    ({ type, status }) => type === 'ReferencesResolved' && status === 'False',
  )?.lastTransitionTime;
  const unresolvedFor = unresolvedSince === undefined ? 0 : now.getTime() - Date.parse(unresolvedSince);
  const holding = [references, database, ...available, ...(zonesRequired ? [zoneRedundant] : [])];
  const verdicts = [...summarize(holding, unresolvedFor), references, database, ...available, zoneRedundant];

  const keyring = parseKeyring(observed.secrets.get(objectNames.signingKeys(blueprint))?.entries ?? {});
  const everywhere = allZones.filter((zone) => Object.values(zonesOf).every((zones) => zones.includes(zone)));
  const serviceStatus = (component: Component) => ({
    ...readWorkloadState(live.deployment(component), desiredReplicas(blueprint, component)),
    zones: zonesOf[component],
  });
  const status: TenantStatus = {
    observedGeneration: tenant.metadata.generation,
    conditions: nextConditions(before, verdicts, tenant.metadata.generation, now),
    endpoints: { issuer: tenant.spec.issuer, discovery: `${tenant.spec.issuer}/.well-known/openid-configuration` },
    version: blueprint.version,
    services: {
      gateway: serviceStatus('gateway'),
      auth: serviceStatus('auth'),
      tokenStore: serviceStatus('token-store'),
    },
    zones: `${everywhere.length}/${allZones.length}`,
    ...(keyring === undefined
      ? {}
      : {
          keys: keyring.keys.map(({ kid, algorithm, state, activatedAt, createdAt }) => ({
            kid,
            algorithm,
            state,
            since: activatedAt ?? createdAt,
          })),
        }),
  };

  const renewal = nextRenewal(blueprint, observed.secrets);
  const requeue = earliest(
    nextReferenceCheck(references, unresolvedFor),
    renewal === undefined ? undefined : renewal.getTime() - now.getTime(),
  );
  const active = !tenant.spec.paused;
  return {
    blueprint,
    secrets: active ? secrets : [],
    adopt: active && resolved ? planAdoption(observed, blueprint) : [],
    apply: active ? (steps?.apply ?? []) : [],
    replicas: active && steps?.complete === true ? planReplicas(blueprint, live) : [],
    remove: active && steps?.complete === true ? planRemoval(observed, steps.apply) : [],
    finalizer: planFinalizer(observed),
    status,
    events: planEvents(tenant.status, verdicts),
    ...(requeue === undefined ? {} : { requeueAfterMilliseconds: requeue }),
  };
};
