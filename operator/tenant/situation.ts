import { annotations } from '../api/group.ts';
import type { Blueprint, Component } from '../manifests/blueprint.ts';
import { objectNames } from '../manifests/object-names.ts';
import {
  buildTenantObjects,
  listTenantObjects,
  type TenantObject,
  type TenantObjects,
} from '../manifests/tenant-objects.ts';
import { findApplyReason } from '../runtime/desired-state.ts';
import { decideDefaultDatabaseImage } from './database/database-image.ts';
import { readDatabaseSources } from './database/database-sources.ts';
import { decideVolume } from './database/database-volume.ts';
import { type Live, planSteps, readLive, type Steps } from './installation-steps.ts';
import { findObject, type Observed } from './observed.ts';
import type { OperatorRelease } from './operator-release.ts';
import { decideExposureServed } from './references/exposure-served.ts';
import { decideIssuerHost } from './references/issuer-host.ts';
import { decideIssuer, decideReferences, decideRetained } from './references/reference-verdicts.ts';
import { decideAdmission, noLimits } from './references/tenant-admission.ts';
import { areSecretsComplete } from './secrets/secret-plan.ts';
import type { TenantVerdict } from './status/tenant-verdicts.ts';
import { readReplicaTarget } from './workloads/replica-plan.ts';
import { readRestart } from './workloads/restart.ts';
import { planRollout, type Rollout } from './workloads/rollout-order.ts';
import {
  decideTarget,
  readCarriedOut,
  readRunningVersion,
  type Target,
  versionOfTemplate,
} from './workloads/target-version.ts';
import { decideWorkloadAvailable, isObserved, knownZones, readyZones } from './workloads/workload-state.ts';

/** What an observation means, before anything is decided of it. */
export type Situation = {
  readonly blueprint: Blueprint;
  /** Image of the managed database where the tenant names none. */
  readonly defaultDatabaseImage: string;
  readonly live: Live;
  /** Whether the tenant may be worked on at all. */
  readonly references: TenantVerdict;
  /** What there should be; undefined while references or keys are missing. */
  readonly objects: TenantObjects | undefined;
  readonly steps: Steps | undefined;
  readonly target: Target;
  /** Generation of the tenant that its services were last told of. */
  readonly carriedOut: number;
  /** Version of the services that run completely; undefined before the first one does. */
  readonly running: string | undefined;
  readonly available: Readonly<Record<Component, TenantVerdict>>;
  readonly rollout: Rollout;
  readonly zonesOf: Readonly<Record<Component, readonly string[]>>;
  readonly allZones: readonly string[];
};

const buildBlueprint = (
  observed: Observed,
  target: Target,
  release: OperatorRelease,
  defaultDatabaseImage: string,
): Blueprint => {
  const { tenant, nodes, served, serviceAccountTokens } = observed;
  const restart = readRestart(observed);
  return {
    name: tenant.metadata.name,
    namespace: tenant.metadata.namespace,
    uid: tenant.metadata.uid,
    spec: tenant.spec,
    version: target.version,
    // Nothing is built of a version that this operator cannot run.
    image: target.kind === 'run' ? target.image : '',
    unknownSettings: target.kind === 'run' ? target.services.unknownSettings : {},
    databaseImage: tenant.spec.database?.managed?.image ?? defaultDatabaseImage,
    // Not known: what the spec asks for is asked of the scheduler.
    zonesLabelled: nodes === undefined || nodes.some(({ zone }) => zone !== undefined),
    served,
    neighbours: release.neighbours ?? { monitoringNamespaceLabels: {} },
    ...(serviceAccountTokens === undefined ? {} : { serviceAccountTokens }),
    ...(restart === undefined ? {} : { restart }),
  };
};

const zonesOf = ({ pods, nodes }: Observed): Situation['zonesOf'] => ({
  gateway: readyZones(pods, nodes, 'gateway'),
  auth: readyZones(pods, nodes, 'auth'),
  'token-store': readyZones(pods, nodes, 'token-store'),
});

const isChanged = (desired: TenantObject, observed: Observed): boolean => {
  const name = desired.metadata?.name ?? '';
  const live = desired.kind === 'Secret' ? observed.secrets.get(name) : findObject(observed, desired.kind, name);
  const { reason } = findApplyReason(desired, live, annotations.desiredHash) ?? {};
  return reason === 'missing' || reason === 'changed';
};

const isRunning = ({ workloads }: TenantObjects, observed: Observed): boolean =>
  workloads.every((desired) => !isChanged(desired, observed));

/**
 * Labels of nodes that come or go roll nothing: what runs keeps its constraints until a template changes for another
 * reason. Else the first label in a cluster, or the loss of the last one, would restart every tenant.
 */
const buildObjects = (observed: Observed, blueprint: Blueprint): TenantObjects => {
  const sources = readDatabaseSources(observed, blueprint);
  const objects = buildTenantObjects(blueprint, sources);
  const nothingRuns = observed.objects.every(({ kind }) => kind !== 'Deployment');
  if (nothingRuns || isRunning(objects, observed)) return objects;
  const asBefore = buildTenantObjects({ ...blueprint, zonesLabelled: !blueprint.zonesLabelled }, sources);
  return isRunning(asBefore, observed) ? asBefore : objects;
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

const mapComponents = <T>(read: (component: Component) => T): Record<Component, T> => ({
  'token-store': read('token-store'),
  auth: read('auth'),
  gateway: read('gateway'),
});

const decideAvailable = (
  observed: Observed,
  blueprint: Blueprint,
  live: Live,
  objects: TenantObjects | undefined,
  carriedOut: number,
): Situation['available'] => {
  const { tenant } = observed;
  return mapComponents((component) =>
    decideWorkloadAvailable(
      component,
      live.deployment(component),
      readReplicaTarget(blueprint, component, live),
      observed.pods,
      isWorkloadApplied(objects, observed, objectNames.workload(blueprint, component)),
      { conditions: tenant.status.conditions ?? [], generation: carriedOut },
    ),
  );
};

const decideVersion = (target: Target): TenantVerdict | undefined =>
  target.kind === 'unsupported'
    ? { type: 'ReferencesResolved', status: 'False', reason: 'VersionNotSupported', message: target.message }
    : undefined;

/** Puts an observation together into what the decisions rest on. */
export const readSituation = (observed: Observed, release: OperatorRelease): Situation => {
  const target = decideTarget(observed, release);
  const defaultDatabaseImage = decideDefaultDatabaseImage(observed, target, release);
  const blueprint = buildBlueprint(observed, target, release, defaultDatabaseImage);
  const live = readLive(observed, blueprint);
  const references =
    decideIssuerHost(observed.tenant) ??
    decideAdmission(observed.tenant, release.limits ?? noLimits) ??
    decideVersion(target) ??
    decideIssuer(observed) ??
    decideRetained(observed, blueprint) ??
    decideVolume(observed, blueprint) ??
    decideExposureServed(blueprint.spec, observed.served) ??
    decideReferences(observed);
  const objects =
    references.status === 'True' && target.kind === 'run' && areSecretsComplete(blueprint, observed.secrets)
      ? buildObjects(observed, blueprint)
      : undefined;
  const carriedOut = readCarriedOut(observed.tenant, target);
  const available = decideAvailable(observed, blueprint, live, objects, carriedOut);
  const rollout = planRollout(
    mapComponents((component) => {
      const deployment = live.deployment(component);
      return {
        version: versionOfTemplate(deployment),
        // What is told may leave a change of the number of pods aside; the next service waits for what is seen.
        complete: available[component].status === 'True' && deployment !== undefined && isObserved(deployment),
      };
    }),
    target.version,
  );
  const isComplete = objects !== undefined && Object.values(available).every(({ status }) => status === 'True');
  return {
    blueprint,
    defaultDatabaseImage,
    live,
    references,
    objects,
    steps: objects === undefined ? undefined : planSteps(observed, objects, live, rollout.open),
    target,
    carriedOut,
    running: isComplete && rollout.direction === 'none' ? target.version : readRunningVersion(observed),
    available,
    rollout,
    zonesOf: zonesOf(observed),
    allZones: knownZones(observed),
  };
};

/** Whether the tenant's generation asks for something that was never written; drift does not count. */
export const hasPendingChanges = (objects: TenantObjects | undefined, observed: Observed): boolean => {
  if (objects === undefined) return true;
  return listTenantObjects(objects).some((desired) => isChanged(desired, observed));
};
