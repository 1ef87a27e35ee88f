import type { IStatefulSet } from 'kubernetes-models/apps/v1';
import { objectNames } from '../../manifests/object-names.ts';
import { findObject, type Observed } from '../observed.ts';
import type { OperatorRelease } from '../operator-release.ts';
import { readRunningVersion, type Target } from '../workloads/target-version.ts';

/** Major version of PostgreSQL by the tag of its image; undefined where the tag does not begin with a number. */
const majorOf = (image: string): string | undefined => /:v?(\d+)[^:/]*$/.exec(image.replace(/@.*$/, ''))?.[1];

/** PostgreSQL reads the files of its own major version alone: another image is taken only where both are known to be of one. */
const isSameMajor = (one: string, other: string): boolean => {
  const major = majorOf(one);
  return major !== undefined && major === majorOf(other);
};

/**
 * The default that the tenant has: as the status says, so that a deleted StatefulSet is made again as it was and drift is
 * repaired; else, where the status was lost, the image that runs, unless the tenant names it. Undefined for a tenant of which
 * nothing is known.
 */
const readPresentDefault = ({ tenant, objects }: Pick<Observed, 'tenant' | 'objects'>): string | undefined => {
  const { spec, status, metadata } = tenant;
  if (status.database?.defaultImage !== undefined) return status.database.defaultImage;
  if (spec.database?.managed?.image !== undefined) return undefined;
  // Kubernetes validated it as a StatefulSet.
  const live = findObject({ objects }, 'StatefulSet', objectNames.database(metadata)) as IStatefulSet | undefined;
  return live?.spec?.template?.spec?.containers[0]?.image;
};

/** Whether a tenant takes what the operator brings: it follows it, or is on its way to the very version of it. */
const isTakenAlong = (
  observed: Pick<Observed, 'tenant' | 'objects'>,
  target: Target,
  { version }: OperatorRelease,
): boolean =>
  target.kind === 'run' &&
  target.version === version &&
  (observed.tenant.spec.version === undefined || readRunningVersion(observed) !== version);

/**
 * Image of the managed database where the tenant names none: the operator's default at the time when the database was made, and
 * again when the tenant comes to the operator's version of the services. An operator with another default must not restart the
 * database of a tenant that pins its version, nor that of one whose turn has not come. It is kept apart from what the tenant
 * names, so that naming an image can be taken back.
 */
export const decideDefaultDatabaseImage = (
  observed: Pick<Observed, 'tenant' | 'objects'>,
  target: Target,
  release: OperatorRelease,
): string => {
  const present = readPresentDefault(observed);
  if (present === undefined) return release.databaseImage;
  const isFollowed = isTakenAlong(observed, target, release) && isSameMajor(present, release.databaseImage);
  return isFollowed ? release.databaseImage : present;
};
