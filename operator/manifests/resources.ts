import type { IResourceRequirements } from 'kubernetes-models/v1';
import type { TenantSpec } from '../api/identity-tenant.ts';

type WrittenResources = TenantSpec['gateway']['resources'];

const quantities = (list: NonNullable<WrittenResources>['requests']): Record<string, string> =>
  Object.fromEntries(Object.entries(list ?? {}).map(([resource, quantity]) => [resource, String(quantity)]));

/** What the tenant wrote, whole, or the default; the two are never mixed. */
export const buildResources = (written: WrittenResources, fallback: IResourceRequirements): IResourceRequirements =>
  written === undefined ? fallback : { requests: quantities(written.requests), limits: quantities(written.limits) };
