import type { IPersistentVolumeClaim } from 'kubernetes-models/v1';
import { quantityPattern } from '../../api/quantity.ts';
import { type Blueprint, isDatabaseManaged } from '../../manifests/blueprint.ts';
import { managedStorage } from '../../manifests/database-stateful-set.ts';
import { objectNames } from '../../manifests/object-names.ts';
import { compareQuantities } from '../../manifests/quantity.ts';
import { findObject, type Observed } from '../observed.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';

/** A volume that is to grow: its claim asks for `storage` instead of less. */
export type VolumeGrowth = { readonly name: string; readonly storage: string };

const findClaim = (observed: Observed, blueprint: Blueprint): IPersistentVolumeClaim | undefined =>
  // Objects come out of a cache by kind and name: the kind says which type the API server validated them as.
  isDatabaseManaged(blueprint.spec)
    ? (findObject(observed, 'PersistentVolumeClaim', objectNames.databaseVolume(blueprint)) as
        | IPersistentVolumeClaim
        | undefined)
    : undefined;

/**
 * Whether the claim has to ask for more. Only a bound claim may: of one that waits for its volume nothing can be changed.
 * A volume that is larger than the tenant asks for, since somebody grew it or an earlier tenant left it, is as good.
 */
export const planVolumeGrowth = (observed: Observed, blueprint: Blueprint): VolumeGrowth | undefined => {
  const claim = findClaim(observed, blueprint);
  const storage = managedStorage(blueprint);
  const present = claim?.spec?.resources?.requests?.['storage'];
  if (claim?.metadata?.name === undefined || present === undefined || claim.status?.phase !== 'Bound') return undefined;
  // Somebody may have written it in a spelling that we do not: it is theirs then.
  if (!quantityPattern.test(`${present}`)) return undefined;
  return compareQuantities(present, storage) < 0 ? { name: claim.metadata.name, storage } : undefined;
};

/** What the tenant asks of its volume that no volume can do: said before anything is written. */
export const decideVolume = (observed: Observed, blueprint: Blueprint): TenantVerdict | undefined => {
  const { volumeRefused } = observed;
  const claim = findClaim(observed, blueprint);
  const type = 'ReferencesResolved';
  const wantedClass = blueprint.spec.database?.managed?.storageClassName;
  const presentClass = claim?.spec?.storageClassName;
  if (wantedClass !== undefined && presentClass !== undefined && presentClass !== wantedClass) {
    const message = `the volume of the database is of the StorageClass "${presentClass}" and stays in it; set spec.database.managed.storageClassName to that, or move the data to a new tenant`;
    return { type, status: 'False', reason: 'StorageClassFixed', message };
  }
  if (volumeRefused === undefined) return undefined;
  const present = claim?.spec?.resources?.requests?.['storage'] ?? '';
  const message = `the volume of the database cannot grow from ${present} to ${managedStorage(blueprint)}; use a StorageClass that allows it (allowVolumeExpansion), or move the data to a new tenant: ${volumeRefused.slice(0, 1_000)}`;
  return { type, status: 'False', reason: 'VolumeNotExpandable', message };
};
