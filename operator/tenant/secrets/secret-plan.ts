import { spiffeId } from '../../../services/shared/contracts/spiffe-id.ts';
import { annotations } from '../../api/group.ts';
import type { SecretContent } from '../../keys/generated-secret.ts';
import {
  type CertificateAuthority,
  parseCertificateAuthority,
  renewalTime,
  tlsEntries,
} from '../../keys/internal-certificate.ts';
import { type Blueprint, isDatabaseManaged } from '../../manifests/blueprint.ts';
import { objectLabels, ownerReference } from '../../manifests/metadata.ts';
import { type IdentityRole, identityRoles, objectNames } from '../../manifests/object-names.ts';
import type { ObservedSecret } from '../observed.ts';

/** A Secret to be made. `create` never touches one that is there; `renew` replaces the content of ours. */
export type PlannedSecret = {
  readonly name: string;
  readonly component: string;
  readonly write: 'create' | 'renew';
  /** Kept when the tenant goes: it has no owner and carries the issuer instead. */
  readonly retained: boolean;
  readonly type: 'Opaque' | 'kubernetes.io/tls';
  readonly content: SecretContent;
};

type Secrets = ReadonlyMap<string, ObservedSecret>;

/** Keys and credentials that outlive the tenant: whoever loses them loses data or signs everybody out. */
export const retainedSecrets = (blueprint: Blueprint): PlannedSecret[] => {
  const retained = { write: 'create', retained: true, type: 'Opaque' } as const;
  return [
    {
      ...retained,
      name: objectNames.signingKeys(blueprint),
      component: 'auth',
      content: { kind: 'signing-keys', algorithm: blueprint.spec.keys.algorithm },
    },
    { ...retained, name: objectNames.cookieKeys(blueprint), component: 'auth', content: { kind: 'cookie-keys' } },
    { ...retained, name: objectNames.pairwiseSalt(blueprint), component: 'auth', content: { kind: 'pairwise-salt' } },
    {
      ...retained,
      name: objectNames.dataEncryptionKeys(blueprint),
      component: 'token-store',
      content: { kind: 'data-encryption-keys' },
    },
    {
      ...retained,
      name: objectNames.databaseCredentials(blueprint),
      component: 'database',
      content: { kind: 'database-passwords' },
    },
  ];
};

const subjectAltNames = (blueprint: Blueprint, role: IdentityRole) => {
  if (role !== 'database') {
    return [
      { type: 'url' as const, value: spiffeId({ tenant: blueprint.name, namespace: blueprint.namespace, role }) },
    ];
  }
  const host = objectNames.database(blueprint);
  return [host, `${host}.${blueprint.namespace}`, `${host}.${blueprint.namespace}.svc`].map((value) => ({
    type: 'dns' as const,
    value,
  }));
};

const planIdentity = (
  blueprint: Blueprint,
  role: IdentityRole,
  authority: CertificateAuthority,
  write: PlannedSecret['write'],
): PlannedSecret => ({
  name: objectNames.identity(blueprint, role),
  component: role,
  write,
  retained: false,
  type: 'kubernetes.io/tls',
  content: {
    kind: 'certificate',
    authority,
    // PostgreSQL reads its certificate once; it lives as long as the CA until the database can be told to reload.
    request: {
      commonName: `${blueprint.name} ${role}`,
      subjectAltNames: subjectAltNames(blueprint, role),
      lifetime: role === 'database' ? 'authority' : 'leaf',
    },
  },
});

const rolesOf = (blueprint: Blueprint): readonly IdentityRole[] =>
  isDatabaseManaged(blueprint.spec) ? identityRoles : identityRoles.filter((role) => role !== 'database');

/** When the next certificate is due; undefined when none is there. */
export const nextRenewal = (blueprint: Blueprint, secrets: Secrets): Date | undefined => {
  const authority = secrets.get(objectNames.certificateAuthority(blueprint))?.entries[tlsEntries.certificate] ?? '';
  const times = rolesOf(blueprint)
    .map((role) => renewalTime(secrets.get(objectNames.identity(blueprint, role))?.entries ?? {}, authority)?.getTime())
    .filter((time) => time !== undefined);
  return times.length === 0 ? undefined : new Date(Math.min(...times));
};

const readAuthority = (blueprint: Blueprint, secrets: Secrets): CertificateAuthority | undefined =>
  parseCertificateAuthority(secrets.get(objectNames.certificateAuthority(blueprint))?.entries);

/** Certificates that are missing, damaged or due. Empty while there is no CA. */
const planIdentities = (blueprint: Blueprint, secrets: Secrets, now: Date): PlannedSecret[] => {
  const authority = readAuthority(blueprint, secrets);
  if (authority === undefined) return [];
  return rolesOf(blueprint).flatMap((role) => {
    const present = secrets.get(objectNames.identity(blueprint, role));
    if (present === undefined) return [planIdentity(blueprint, role, authority, 'create')];
    const due = renewalTime(present.entries, authority.certificatePem);
    return due === undefined || due <= now ? [planIdentity(blueprint, role, authority, 'renew')] : [];
  });
};

/** Certificates that are due. They need nothing that the spec names, so that nothing stops what runs from going on. */
export const planRenewals = (blueprint: Blueprint, secrets: Secrets, now: Date): PlannedSecret[] =>
  planIdentities(blueprint, secrets, now).filter(({ write }) => write === 'renew');

/** Names of what is lost for ever when it is lost: data can be read, and the database be reached, by these alone. */
export const irreplaceableSecrets = (tenant: Pick<Blueprint, 'name'>): string[] => [
  objectNames.dataEncryptionKeys(tenant),
  objectNames.cookieKeys(tenant),
  objectNames.pairwiseSalt(tenant),
  objectNames.databaseCredentials(tenant),
];

/** Every Secret that has to be made now. Certificates come a pass after the CA that signs them; a damaged one is as good as none. */
export const planSecrets = (blueprint: Blueprint, secrets: Secrets, now: Date): PlannedSecret[] => {
  const name = objectNames.certificateAuthority(blueprint);
  const authority: PlannedSecret = {
    name,
    component: 'tenant',
    write: secrets.has(name) ? 'renew' : 'create',
    retained: false,
    type: 'kubernetes.io/tls',
    content: { kind: 'certificate-authority', tenant: blueprint.name },
  };
  const missing = retainedSecrets(blueprint).filter((retained) => !secrets.has(retained.name));
  const isWhole = readAuthority(blueprint, secrets) !== undefined;
  return [...missing, ...(isWhole ? [] : [authority]), ...planIdentities(blueprint, secrets, now)];
};

/** Every Secret whose content is generated. */
export const generatedSecrets = (blueprint: Blueprint): Pick<PlannedSecret, 'name' | 'component' | 'retained'>[] => [
  ...retainedSecrets(blueprint),
  { name: objectNames.certificateAuthority(blueprint), component: 'tenant', retained: false },
  ...rolesOf(blueprint).map((role) => ({
    name: objectNames.identity(blueprint, role),
    component: role,
    retained: false,
  })),
];

/** Whether everything is there that pods mount, and the CA is one that they may be told to trust. */
export const areSecretsComplete = (blueprint: Blueprint, secrets: Secrets): boolean =>
  generatedSecrets(blueprint).every(({ name }) => secrets.has(name)) && readAuthority(blueprint, secrets) !== undefined;

/** Metadata of a planned Secret. */
export const buildSecretMetadata = (
  blueprint: Blueprint,
  { name, component, retained }: Pick<PlannedSecret, 'name' | 'component' | 'retained'>,
) => ({
  name,
  namespace: blueprint.namespace,
  labels: objectLabels(blueprint, component),
  ...(retained
    ? { annotations: { [annotations.issuer]: blueprint.spec.issuer } }
    : { ownerReferences: [ownerReference(blueprint)] }),
});

/** Whether a Secret of a wanted name was made by us for this issuer, whatever became of its labels. */
export const isOwnSecret = (blueprint: Blueprint, secret: ObservedSecret, retained: boolean): boolean => {
  const { metadata } = secret;
  if (retained) return metadata.annotations?.[annotations.issuer] === blueprint.spec.issuer;
  return metadata.ownerReferences?.some(({ uid }) => uid === blueprint.uid) ?? false;
};
