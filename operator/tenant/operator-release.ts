import type { Neighbours } from '../manifests/blueprint.ts';
import type { ServiceRelease } from '../manifests/service-releases.ts';
import type { TenantLimits } from './references/tenant-admission.ts';

/** What the operator brings along: the version that it runs, the images, and what its installation lets tenants name. */
export type OperatorRelease = {
  /** Version of the services that is the operator's own. */
  readonly version: string;
  readonly image: string;
  readonly databaseImage: string;
  /** Earlier minor versions that it can run, oldest first. Left out: none. */
  readonly previous?: readonly ServiceRelease[];
  /** Left out: no limits. */
  readonly limits?: TenantLimits;
  /** Left out: pods of any namespace. */
  readonly neighbours?: Neighbours;
};
