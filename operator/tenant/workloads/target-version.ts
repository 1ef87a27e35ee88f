import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IJob } from 'kubernetes-models/batch/v1';
import { annotations, labels } from '../../api/group.ts';
import type { IdentityTenant } from '../../api/identity-tenant.ts';
import type { ServiceRelease } from '../../manifests/service-releases.ts';
import { compareVersions, isNextMinor, isSameMinor } from '../../manifests/service-version.ts';
import type { Observed } from '../observed.ts';
import type { OperatorRelease } from '../operator-release.ts';
import { availabilityTypes } from './workload-state.ts';

/** Which version of the services a tenant is to run. */
export type Target =
  | { readonly kind: 'run'; readonly version: string; readonly image: string; readonly services: ServiceRelease }
  /** What runs is left as it is until its turn comes: it is of a version that this operator cannot build. */
  | { readonly kind: 'keep'; readonly version: string }
  /** Somebody has to act. */
  | { readonly kind: 'unsupported'; readonly version: string; readonly message: string };

/** Every minor version that an operator can run, oldest first, its own last. */
const supportedReleases = ({ version, previous = [] }: OperatorRelease): readonly ServiceRelease[] => [
  ...previous,
  { version, unknownSettings: {} },
];

const findSupported = (release: OperatorRelease, version: string): ServiceRelease | undefined =>
  supportedReleases(release).find((one) => isSameMinor(one.version, version));

/** The version that an operator brings along of the minor version of `version`; undefined when it can run none of that. */
export const supportedVersion = (version: string, release: OperatorRelease): string | undefined =>
  findSupported(release, version)?.version;

/**
 * The version to which services of `running` go next: the operator's own, one minor version at a time. Undefined when there
 * is no way, since versions lie between that this operator does not know.
 */
export const nextVersion = (running: string, release: OperatorRelease): string | undefined => {
  const supported = supportedReleases(release);
  const index = supported.findIndex(({ version }) => isSameMinor(version, running));
  if (index >= 0) return supported[Math.min(index + 1, supported.length - 1)]?.version;
  const [oldest] = supported;
  if (oldest !== undefined && isNextMinor(running, oldest.version)) return oldest.version;
  // The operator was set back by a version: the services follow it.
  return isNextMinor(release.version, running) ? release.version : undefined;
};

/** Version in the template of a Deployment: what its pods are to run. */
export const versionOfTemplate = (deployment: IDeployment | undefined): string | undefined =>
  deployment?.spec?.template?.metadata?.labels?.[labels.version];

/**
 * The version that runs: as the status says; else, where the status was lost, the lowest in the live Deployments, so that
 * an upgrade that was under way is given its turn again. Undefined for a tenant of which nothing runs.
 */
export const readRunningVersion = ({ tenant, objects }: Pick<Observed, 'tenant' | 'objects'>): string | undefined => {
  if (tenant.status.version !== undefined) return tenant.status.version;
  // Kubernetes validated them as the kind that they say.
  const [lowest] = objects
    .filter(({ kind }) => kind === 'Deployment')
    .flatMap((deployment) => versionOfTemplate(deployment as IDeployment) ?? [])
    .sort(compareVersions);
  return lowest;
};

/**
 * The generation of a tenant that its services were last told of. Of a version that this operator cannot build that is as an
 * earlier operator left it, whatever the spec asks for since: the conditions of the services have it.
 */
export const readCarriedOut = ({ metadata, status: { conditions = [] } }: IdentityTenant, target: Target): number =>
  target.kind === 'run'
    ? metadata.generation
    : (conditions.find(({ type }) => type === availabilityTypes.gateway)?.observedGeneration ?? metadata.generation);

const repositoryOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');

/**
 * Image of a version that the tenant does not name an image for. Where it runs already it stays the very same one: the next
 * operator may come from another registry, or by digest, and that must not roll a pinned tenant. What tells is the migrate
 * Job, since nobody can change the image of a Job.
 */
const imageOf = (version: string, { objects }: Pick<Observed, 'objects'>, release: OperatorRelease): string => {
  const job = objects.find(
    ({ kind, metadata }) => kind === 'Job' && metadata.annotations?.[annotations.release] === version,
  );
  // Kubernetes validated it as a Job.
  const present = (job as IJob | undefined)?.spec?.template?.spec?.containers[0]?.image;
  return present ?? (version === release.version ? release.image : `${repositoryOf(release.image)}:${version}`);
};

const describeSupported = (release: OperatorRelease): string =>
  supportedReleases(release)
    .map(({ version }) => `${version.replace(/\.\d+(-.*)?$/, '')}.x`)
    .join(' and ');

const decidePinned = (
  version: string,
  { spec }: IdentityTenant,
  observed: Pick<Observed, 'objects'>,
  release: OperatorRelease,
): Target => {
  const services = findSupported(release, version);
  if (services !== undefined)
    return { kind: 'run', version, image: spec.image ?? imageOf(version, observed, release), services };
  const message = `spec.version ${version} is none that this operator can run, which is ${describeSupported(release)}; name one of these, or unset it`;
  return { kind: 'unsupported', version, message };
};

/** Which version a tenant is to run: the one that it pins; else the one that runs until its turn comes; a new one the operator's. */
export const decideTarget = (observed: Pick<Observed, 'tenant' | 'objects'>, release: OperatorRelease): Target => {
  const { spec, status } = observed.tenant;
  if (spec.version !== undefined) return decidePinned(spec.version, observed.tenant, observed, release);
  const running = readRunningVersion(observed);
  const turn = status.targetVersion === undefined ? undefined : findSupported(release, status.targetVersion);
  const version = turn === undefined ? running : status.targetVersion;
  if (version === undefined || version === release.version) {
    const services = { version: release.version, unknownSettings: {} };
    return { kind: 'run', version: release.version, image: release.image, services };
  }
  const services = findSupported(release, version);
  if (services !== undefined) return { kind: 'run', version, image: imageOf(version, observed, release), services };
  if (nextVersion(version, release) !== undefined) return { kind: 'keep', version };
  const message = `the services run ${version}, and this operator can run ${describeSupported(release)}: install an operator of a version between first`;
  return { kind: 'unsupported', version, message };
};
