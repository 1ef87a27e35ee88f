import { apiVersion } from '../api/group.ts';
import type { OwnerReference } from '../runtime/kubernetes-object.ts';
import type { ResourceKind } from '../runtime/resource-kind.ts';

/** Our kinds, as the client's URLs need them. */
export const customResources = {
  identityTenants: { apiVersion, kind: 'IdentityTenant', plural: 'identitytenants', namespaced: true },
  identityClients: { apiVersion, kind: 'IdentityClient', plural: 'identityclients', namespaced: true },
} as const satisfies Record<string, ResourceKind>;

/** Whether an owner is a tenant, whichever. */
export const isTenantOwner = ({ apiVersion: version, kind }: Pick<OwnerReference, 'apiVersion' | 'kind'>): boolean =>
  version === apiVersion && kind === customResources.identityTenants.kind;
