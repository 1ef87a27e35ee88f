import { type IdentityTenant, identityTenantSchema } from '../api/identity-tenant.ts';
import { type Blueprint, isDatabaseManaged, type OptionalKind } from '../manifests/blueprint.ts';
import type { DatabaseSources } from '../manifests/database-connection.ts';

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
  unknownSettings: {},
  databaseImage: tenant.spec.database?.managed?.image ?? 'postgres:18',
  zonesLabelled: true,
  served: new Set(served),
  neighbours: { operatorNamespace: 'identity-operator', monitoringNamespaceLabels: {} },
});

/** Sources of a tenant's database as they are after its first migration. Values that nothing else has begin with `Zq`. */
export const buildTestDatabaseSources = ({ spec }: IdentityTenant): DatabaseSources => ({
  passwords: { owner: 'Zq1', auth: 'Zq2', tokenStore: 'Zq3' },
  ...(isDatabaseManaged(spec)
    ? {}
    : {
        external: {
          url: 'postgres://owner:Zq4@db.example.com:5432/identity?sslmode=verify-full',
          ca: 'the CA of the database',
        },
      }),
  internalCa: 'the internal CA',
  dataEncryptionKeys: [{ id: '1', fingerprint: 'fingerprint-of-the-key' }],
  cachePorts: spec.cache === undefined ? [] : [6380],
  mailPorts: spec.auth.mail === undefined ? [] : [587],
  migrated: () => ({ id: '6fbd26c1-0000-4000-8000-000000000000', sharedRole: false }),
});
