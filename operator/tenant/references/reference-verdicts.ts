import type { IDeployment } from 'kubernetes-models/apps/v1';
import { labels } from '../../api/group.ts';
import type { Blueprint } from '../../manifests/blueprint.ts';
import { objectNames } from '../../manifests/object-names.ts';
import { findObject, type Observed, type ObservedReference } from '../observed.ts';
import { issuerOfRetained } from '../secrets/metadata-repair.ts';
import { irreplaceableSecrets, retainedSecrets } from '../secrets/secret-plan.ts';
import { referencePatienceMilliseconds, type TenantVerdict } from '../status/tenant-verdicts.ts';
import { findContentFault } from './reference-content.ts';

/** A broken reference is looked at again after this long even if no event came. */
const brokenReferencePeriod = 5 * 60_000;
/**
 * A taken name is looked at again after as long as it has been taken, but not sooner than this, nor later than a broken
 * reference: of most kinds what is not ours is not watched, so that nobody tells when it goes.
 */
const takenNamePeriod = 10_000;

/** What an earlier tenant of this name owned goes within moments, and tells nobody. */
const leavingPeriod = 1_000;

const waitFor = (leaving: string): TenantVerdict => ({
  type: 'ReferencesResolved',
  status: 'False',
  reason: 'Waiting',
  message: `${leaving} of the tenant of this name that was deleted before is still going; it is waited for`,
});

/** What another tenant of the same issuer holds up: tokens of two could not be told apart. */
export const decideIssuer = ({ tenant, issuerHolder }: Observed): TenantVerdict | undefined => {
  if (issuerHolder === undefined) return undefined;
  const message = `the issuer ${tenant.spec.issuer} is that of the elder IdentityTenant "${issuerHolder}"; delete one of the two, or make this one anew with another issuer`;
  return { type: 'ReferencesResolved', status: 'False', reason: 'IssuerInUse', message };
};

/** What is missing of a Secret or ConfigMap that the spec names. */
const decideMissing = ({ field, kind, name, found, requiredEntries }: ObservedReference): TenantVerdict | undefined => {
  // A route's Service that is not there harms that route alone.
  if (kind === 'Service') return undefined;
  const verdict = { type: 'ReferencesResolved', status: 'False' } as const;
  if (found === undefined) {
    const message = `${kind} "${name}" is not there; create it, or name another ${kind} in ${field}`;
    return { ...verdict, reason: `${kind}NotFound`, message };
  }
  const missing = requiredEntries.find((entry) => found.entries[entry] === undefined);
  if (missing === undefined) return undefined;
  const message = `${kind} "${name}" has no key "${missing}"; add it, or name another ${kind} in ${field}`;
  return { ...verdict, reason: `${kind}KeyMissing`, message };
};

/** Whether everything that the spec names is there, and every name that the tenant needs is free. */
export const decideReferences = ({ references, taken, leaving, replacing, refused }: Observed): TenantVerdict => {
  const type = 'ReferencesResolved';
  if (taken !== undefined) {
    const message = `${taken} belongs to somebody else and is left alone; delete or rename it, or give the tenant another name`;
    return { type, status: 'False', reason: 'NameTaken', message };
  }
  if (leaving !== undefined) return waitFor(leaving);
  if (replacing !== undefined) {
    const message = `${replacing} is made again, since what changes of it cannot be changed in place; its pods go on`;
    return { type, status: 'False', reason: 'Waiting', message };
  }
  if (refused !== undefined) {
    const message = `the API server refuses what the tenant asks for; correct the tenant, or the policy that forbids it: ${refused.slice(0, 1_000)}`;
    return { type, status: 'False', reason: 'ObjectRefused', message };
  }
  for (const reference of references) {
    const missing = decideMissing(reference);
    if (missing !== undefined) return missing;
    const fault = findContentFault(reference);
    if (fault !== undefined) return { type, status: 'False', ...fault };
  }
  return { type, status: 'True', reason: 'Resolved', message: 'everything that the spec names is there' };
};

/**
 * Whether data may need a Secret. Tenants of before there were pairwise subjects get their salt late: nobody is known by it
 * until the pods of auth have it.
 */
const isInUse = (observed: Observed, blueprint: Blueprint, secretName: string): boolean => {
  if (secretName !== objectNames.pairwiseSalt(blueprint)) return true;
  // Whether the cached object is one is what its kind says.
  const auth = findObject(observed, 'Deployment', objectNames.workload(blueprint, 'auth')) as IDeployment | undefined;
  const volumes = auth?.spec?.template.spec?.volumes ?? [];
  return volumes.some(({ secret }) => secret?.secretName === secretName);
};

/** What a tenant of this name left behind, when it must not be used or cannot be replaced. */
export const decideRetained = (observed: Observed, blueprint: Blueprint): TenantVerdict | undefined => {
  const volume = findObject(observed, 'PersistentVolumeClaim', objectNames.databaseVolume(blueprint));
  const isLeft = volume?.metadata.labels?.[labels.tenantUid] !== blueprint.uid;
  // It holds on until its last pod has ended; a database that is made meanwhile would get it, and lose it.
  if (volume?.metadata.deletionTimestamp !== undefined && isLeft)
    return waitFor(`PersistentVolumeClaim "${volume.metadata.name}"`);
  const retained = [...retainedSecrets(blueprint).map(({ name }) => observed.secrets.get(name)), volume].filter(
    (object) => object !== undefined,
  );
  for (const { kind, metadata } of retained) {
    const issuer = issuerOfRetained({ metadata }, blueprint);
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
  const lost = irreplaceableSecrets(blueprint).find(
    (name) => !observed.secrets.has(name) && isInUse(observed, blueprint, name),
  );
  if (!dataExists || lost === undefined) return undefined;
  return {
    type: 'ReferencesResolved',
    status: 'False',
    reason: 'EncryptionKeyMissing',
    message: `Secret "${lost}" is gone, and data that needs it is there; restore it from a backup`,
  };
};

/** When to look again at what the tenant needs from others; events may come before. */
export const nextReferenceCheck = ({ reason, status }: TenantVerdict, unresolvedFor: number): number | undefined => {
  if (status === 'True') return undefined;
  if (reason === 'NameTaken') return Math.min(brokenReferencePeriod, Math.max(takenNamePeriod, unresolvedFor));
  if (reason === 'Waiting') return leavingPeriod;
  return unresolvedFor < referencePatienceMilliseconds
    ? referencePatienceMilliseconds - unresolvedFor
    : brokenReferencePeriod;
};
