import type { IResourceRequirements } from 'kubernetes-models/v1';
import type { TenantSpec } from '../api/identity-tenant.ts';
import { canonicalQuantity } from './quantity.ts';

type WrittenResources = TenantSpec['gateway']['resources'];

const quantities = (list: NonNullable<WrittenResources>['requests']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(list ?? {}).flatMap(([resource, quantity]) =>
      quantity === undefined ? [] : [[resource, canonicalQuantity(quantity)]],
    ),
  );

/** What the tenant wrote, whole, or the default; the two are never mixed. */
export const buildResources = (written: WrittenResources, fallback: IResourceRequirements): IResourceRequirements =>
  written === undefined ? fallback : { requests: quantities(written.requests), limits: quantities(written.limits) };
