import { type IdentityTenant, identityTenantSchema } from '../api/identity-tenant.ts';
import type { Blueprint, OptionalKind } from '../manifests/blueprint.ts';

/** A tenant as the API server would answer it, with defaults, out of a spec as a user writes it. */
export const buildTenant = (spec: Record<string, unknown>, metadata: Record<string, unknown> = {}): IdentityTenant =>
  identityTenantSchema.parse({
    metadata: {
      name: 'acme',
      namespace: 'shop',
      uid: '11111111-1111-4111-8111-111111111111',
      generation: 1,
      ...metadata,
    },
    spec: { issuer: 'https://id.acme.example', ...spec },
  });

/** @param served kinds of other projects that the cluster serves. */
export const buildTestBlueprint = (tenant: IdentityTenant, served: readonly OptionalKind[] = []): Blueprint => ({
  name: tenant.metadata.name,
  namespace: tenant.metadata.namespace,
  uid: tenant.metadata.uid,
  spec: tenant.spec,
  version: tenant.spec.version ?? '0.1.0',
  image: tenant.spec.image ?? 'identity-operator:0.1.0',
  databaseImage: tenant.spec.database?.managed?.image ?? 'postgres:18',
  zonesLabelled: true,
  served: new Set(served),
  neighbours: { operatorNamespace: 'identity-operator', monitoringNamespaceLabels: {} },
});
