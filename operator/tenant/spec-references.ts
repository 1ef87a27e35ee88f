import type { IdentityTenant } from '../api/identity-tenant.ts';

/** Kinds of objects that a spec may name; they are watched by metadata. */
export type ReferenceKind = 'Secret' | 'ConfigMap' | 'Service';

/** An object in the namespace of the tenant that a field of its spec names. */
export type SpecReference = {
  /** Where it is named, as a user would write it: `spec.gateway.tls.secretName`. */
  readonly field: string;
  readonly kind: ReferenceKind;
  readonly name: string;
  /** Entries of a Secret or ConfigMap that must be in it. */
  readonly requiredEntries: readonly string[];
};

/**
 * Everything that a tenant's spec names. What is listed here is observed (`observed.references`), and a change of it
 * wakes the tenant; a field that names an object needs nothing else for that.
 */
export const listReferences = ({ spec }: Pick<IdentityTenant, 'spec'>): SpecReference[] => [
  ...spec.imagePullSecrets.map(({ name }) => ({
    field: 'spec.imagePullSecrets',
    kind: 'Secret' as const,
    name,
    // The API server sees to it that a Secret of type kubernetes.io/dockerconfigjson has it.
    requiredEntries: ['.dockerconfigjson'],
  })),
  ...(spec.database?.connection === undefined
    ? []
    : [
        {
          field: 'spec.database.connection.secretRef',
          kind: 'Secret' as const,
          name: spec.database.connection.secretRef.name,
          requiredEntries: ['url'],
        },
      ]),
  ...(spec.gateway.tls === undefined
    ? []
    : [
        {
          field: 'spec.gateway.tls.secretName',
          kind: 'Secret' as const,
          name: spec.gateway.tls.secretName,
          requiredEntries: ['tls.crt', 'tls.key'],
        },
      ]),
  ...(spec.gateway.exposure.gatewayAPI?.backendCAConfigMapRef === undefined
    ? []
    : [
        {
          field: 'spec.gateway.exposure.gatewayAPI.backendCAConfigMapRef',
          kind: 'ConfigMap' as const,
          name: spec.gateway.exposure.gatewayAPI.backendCAConfigMapRef.name,
          requiredEntries: ['ca.crt'],
        },
      ]),
  ...spec.gateway.routes.map(({ name, upstream }) => ({
    field: `spec.gateway.routes[name=${name}].upstream.service`,
    kind: 'Service' as const,
    name: upstream.service,
    requiredEntries: [],
  })),
];
