import type { IdentityTenant } from '../../api/identity-tenant.ts';
import { clientCaEntry } from '../../manifests/mounts.ts';

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

/** Fields by which what they name is found again among the observed references. */
export const referenceFields = {
  databaseConnection: 'spec.database.connection.secretRef',
  databaseCluster: 'spec.database.cloudNativePG.clusterName',
  cacheConnection: 'spec.cache.connection.secretRef',
  clientCa: 'spec.gateway.clientCertificates.caSecretRef',
  mailServer: 'spec.auth.mail.smtpSecretRef',
  trustBundle: (index: number) => `spec.trustBundles[${index}]`,
} as const;

/** Whether a field of {@link listReferences} is a trust bundle's. */
export const isTrustBundle = (field: string): boolean => field.startsWith('spec.trustBundles[');

/** Secrets that CloudNativePG makes: for the owner of a Cluster's database, and with the CA of its servers. */
export const clusterSecrets = ({ clusterName }: { readonly clusterName: string }) => ({
  app: `${clusterName}-app`,
  ca: `${clusterName}-ca`,
});

const databaseReferences = ({ database }: IdentityTenant['spec']): SpecReference[] => {
  const kind = 'Secret';
  if (database?.connection !== undefined) {
    const { name } = database.connection.secretRef;
    return [{ field: referenceFields.databaseConnection, kind, name, requiredEntries: ['url'] }];
  }
  if (database?.cloudNativePG === undefined) return [];
  const field = referenceFields.databaseCluster;
  const { app, ca } = clusterSecrets(database.cloudNativePG);
  return [
    { field, kind, name: app, requiredEntries: ['uri'] },
    { field, kind, name: ca, requiredEntries: ['ca.crt'] },
  ];
};

const cacheReferences = ({ cache }: IdentityTenant['spec']): SpecReference[] =>
  cache === undefined
    ? []
    : [
        {
          field: referenceFields.cacheConnection,
          kind: 'Secret',
          name: cache.connection.secretRef.name,
          requiredEntries: ['url'],
        },
      ];

const mailReferences = ({ auth: { mail } }: IdentityTenant['spec']): SpecReference[] =>
  mail === undefined
    ? []
    : [
        {
          field: referenceFields.mailServer,
          kind: 'Secret',
          name: mail.smtpSecretRef.name,
          requiredEntries: ['url'],
        },
      ];

const certificateReferences = ({ gateway: { clientCertificates } }: IdentityTenant['spec']): SpecReference[] => {
  if (clientCertificates === undefined) return [];
  const kind = 'Secret';
  const { tlsSecretName, caSecretRef } = clientCertificates;
  return [
    {
      field: 'spec.gateway.clientCertificates.tlsSecretName',
      kind,
      name: tlsSecretName,
      requiredEntries: ['tls.crt', 'tls.key'],
    },
    ...(caSecretRef === undefined
      ? []
      : [{ field: referenceFields.clientCa, kind, name: caSecretRef.name, requiredEntries: [clientCaEntry] } as const]),
  ];
};

const trustReferences = ({ trustBundles }: IdentityTenant['spec']): SpecReference[] =>
  trustBundles.flatMap(({ configMapRef, secretRef }, index) => {
    const reference = configMapRef ?? secretRef;
    if (reference === undefined) return [];
    const kind = configMapRef === undefined ? 'Secret' : 'ConfigMap';
    return [
      { field: referenceFields.trustBundle(index), kind, name: reference.name, requiredEntries: [reference.key] },
    ];
  });

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
  ...databaseReferences(spec),
  ...cacheReferences(spec),
  ...mailReferences(spec),
  ...trustReferences(spec),
  ...certificateReferences(spec),
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
