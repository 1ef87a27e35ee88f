import type { Blueprint, Component } from './blueprint.ts';

type Named = Pick<Blueprint, 'name'>;

/** Names of a tenant's objects, in one place, so that no two files spell one differently. */
export const objectNames = {
  workload: ({ name }: Named, component: Component) => `${name}-${component}`,
  /** Headless Service: all addresses of the ready pods, over which callers balance. */
  headlessService: ({ name }: Named, component: Component) => `${name}-${component}-pods`,
  /** The gateway's entrance for clients with certificates. */
  certificatesService: ({ name }: Named) => `${name}-gateway-certificates`,
  /** All pods' metrics, for Prometheus. */
  metricsService: ({ name }: Named) => `${name}-metrics`,
  serviceAccount: ({ name }: Named) => `${name}-identity`,
  settings: ({ name }: Named, component: Component | 'migrate', hash: string) => `${name}-${component}-${hash}`,
  liveSettings: ({ name }: Named, component: Component) => `${name}-${component}-live`,
  migrateJob: ({ name }: Named, hash: string) => `${name}-migrate-${hash}`,
  database: ({ name }: Named) => `${name}-database`,
  /** The claim that the StatefulSet makes of its template. */
  databaseVolume: ({ name }: Named) => `data-${name}-database-0`,
  certificateAuthority: ({ name }: Named) => `${name}-internal-ca`,
  /** Certificate of one role of the internal mTLS. */
  identity: ({ name }: Named, role: IdentityRole) => `${name}-${role}-identity`,
  signingKeys: ({ name }: Named) => `${name}-signing-keys`,
  cookieKeys: ({ name }: Named) => `${name}-cookie-keys`,
  pairwiseSalt: ({ name }: Named) => `${name}-pairwise-salt`,
  dataEncryptionKeys: ({ name }: Named) => `${name}-data-encryption-keys`,
  databaseCredentials: ({ name }: Named) => `${name}-database-credentials`,
  /** Connection URLs of the services, made from the credentials and from what the tenant's own Secret says. */
  databaseConnection: ({ name }: Named) => `${name}-database-connection`,
  /** Connection URLs of migrate, which goes first. */
  migrateConnection: ({ name }: Named) => `${name}-migrate-connection`,
} as const;

/** Who holds a certificate of the tenant's internal CA. */
export type IdentityRole = Component | 'operator' | 'database';
export const identityRoles: readonly IdentityRole[] = ['gateway', 'auth', 'token-store', 'operator', 'database'];
