import path from 'node:path';
import type { AuthLiveSettings, AuthSettings } from '../../services/auth/settings.ts';
import type { GatewayLiveSettings, GatewaySettings } from '../../services/gateway/settings.ts';
import type { MigrateSettings } from '../../services/migrate/settings.ts';
import type { Role } from '../../services/shared/contracts/spiffe-id.ts';
import type { PeerSettings } from '../../services/shared/service-settings.ts';
import type { TokenStoreLiveSettings, TokenStoreSettings } from '../../services/token-store/settings.ts';

/** The tenant that `make dev` plays; it names certificates only. */
export const devTenant = { tenant: 'dev', namespace: 'local' } as const;

/** Everything listens here: nothing of a developer's machine is offered to others. */
export const loopback = '127.0.0.1';

/** Names of the ports that are taken as they are free; the public one is chosen by the developer. */
export const internalPortNames = [
  'auth',
  'authProbe',
  'tokenStore',
  'tokenStoreProbe',
  'gatewayInternal',
  'gatewayProbe',
  'a',
  'b',
  'c',
] as const;
export type InternalPorts = Readonly<Record<(typeof internalPortNames)[number], number>>;

/** Sender of the mails. */
const devSender = 'no-reply@localhost.example';

/** Where things are in the state folder. */
export const buildDevPaths = (directory: string) => {
  const at = (...names: string[]): string => path.join(directory, ...names);
  return {
    directory,
    /** The CA of the public certificate, for clients to trust. */
    ca: at('ca.crt'),
    publicTls: at('public-tls'),
    identity: (role: Role) => at('identity', role),
    signingKeys: at('signing-keys'),
    keyring: at('keyring'),
    cookieKeys: at('cookie-keys'),
    pairwiseSalt: at('pairwise-salt'),
    dataEncryptionKeys: at('data-encryption-keys'),
    database: at('database'),
    /** Messages that auth has sent, and the URL of the server that takes them. */
    mail: at('mail'),
    mailUrl: at('mail-url'),
    live: (service: string) => at('live', service),
    settings: (service: string) => at('settings', `${service}.json`),
    log: (service: string) => at(`${service}.log`),
    running: at('running.json'),
  };
};
export type DevPaths = ReturnType<typeof buildDevPaths>;

/** Entries of the folder `database`: URLs for the owner and the two roles, and the roles' passwords. */
export const databaseFiles = {
  ownerUrl: 'owner-url',
  authUrl: 'auth-url',
  tokenStoreUrl: 'token-store-url',
  authPassword: 'auth-password',
  tokenStorePassword: 'token-store-password',
} as const;

/** Roles in PostgreSQL. */
export const databaseRoles = { auth: 'dev_auth', tokenStore: 'dev_token_store' } as const;

/** What the settings depend on. */
export type DevPlan = {
  readonly version: string;
  readonly issuer: string;
  readonly publicPort: number;
  readonly ports: InternalPorts;
  readonly paths: DevPaths;
};

const buildCommonSettings = ({ version, paths }: DevPlan, service: Role, probePort: number) => ({
  ...devTenant,
  version,
  listenAddress: loopback,
  probePort,
  identityDirectory: paths.identity(service),
  // There is nowhere else to go to.
  drainMilliseconds: 0,
  liveDirectory: paths.live(service),
});

const buildPeer = (port: number): PeerSettings => ({ headlessHost: loopback, fallbackHost: loopback, port });

const buildDatabase = ({ paths }: DevPlan, urlFile: string) => ({
  urlFile: path.join(paths.database, urlFile),
  maxConnections: 10,
});

const hours = (count: number): number => count * 3_600;

/** The three services and migrate, by their own types; durations are those that a tenant gets by default. */
export const buildDevSettings = (plan: DevPlan) => {
  const { issuer, ports, paths } = plan;
  return {
    migrate: {
      ...devTenant,
      database: { urlFile: path.join(paths.database, databaseFiles.ownerUrl) },
      roles: {
        auth: { name: databaseRoles.auth, passwordFile: path.join(paths.database, databaseFiles.authPassword) },
        tokenStore: {
          name: databaseRoles.tokenStore,
          passwordFile: path.join(paths.database, databaseFiles.tokenStorePassword),
        },
      },
    } satisfies MigrateSettings,
    'token-store': {
      ...buildCommonSettings(plan, 'token-store', ports.tokenStoreProbe),
      port: ports.tokenStore,
      database: buildDatabase(plan, databaseFiles.tokenStoreUrl),
      dataEncryptionKeysDirectory: paths.dataEncryptionKeys,
    } satisfies TokenStoreSettings,
    auth: {
      ...buildCommonSettings(plan, 'auth', ports.authProbe),
      port: ports.auth,
      issuer,
      database: buildDatabase(plan, databaseFiles.authUrl),
      tokenStore: buildPeer(ports.tokenStore),
      signingKeysDirectory: paths.signingKeys,
      cookieKeysDirectory: paths.cookieKeys,
      pairwiseSaltDirectory: paths.pairwiseSalt,
      tokens: {
        accessTokenSeconds: 600,
        refreshTokenSeconds: hours(720),
        refreshTokenAbsoluteSeconds: hours(4_320),
        refreshReplayLeewaySeconds: 10,
        idTokenSeconds: 600,
        authorizationCodeSeconds: 60,
      },
      session: { idleSeconds: hours(720), absoluteSeconds: hours(4_320) },
      jwksMaxAgeSeconds: 600,
      registrationEnabled: true,
      passwordMinimumLength: 15,
      auditSeconds: hours(2_160),
      consent: { policyVersion: '' },
      mail: { urlFile: paths.mailUrl, from: devSender },
    } satisfies AuthSettings,
    gateway: {
      ...buildCommonSettings(plan, 'gateway', ports.gatewayProbe),
      publicPort: plan.publicPort,
      publicTlsDirectory: paths.publicTls,
      internalPort: ports.gatewayInternal,
      issuer,
      auth: buildPeer(ports.auth),
      tokenStore: buildPeer(ports.tokenStore),
      keyringDirectory: paths.keyring,
      clockSkewSeconds: 30,
    } satisfies GatewaySettings,
  };
};

/** `live.json` of each service. */
export const buildDevLiveSettings = ({ ports }: DevPlan) => ({
  'token-store': {
    logLevel: 'info',
    lifetimes: { accessTokenSeconds: 600, refreshTokenSeconds: hours(4_320) },
    clockSkewSeconds: 30,
  } satisfies TokenStoreLiveSettings,
  auth: { logLevel: 'info', branding: { name: 'make dev' } } satisfies AuthLiveSettings,
  gateway: {
    logLevel: 'info',
    trustedProxies: [],
    routes: [
      {
        name: 'a',
        pathPrefix: '/a',
        upstreamUrl: `http://${loopback}:${ports.a}`,
        authentication: 'Required',
        scopes: [],
        stripPrefix: false,
        timeoutMilliseconds: 30_000,
      },
    ],
  } satisfies GatewayLiveSettings,
});

/** Environment of the services A, B and C of `examples/service`: A calls B, B calls C. */
export const buildExampleEnvironments = ({ issuer, ports, paths }: DevPlan) => {
  const common = {
    LISTEN_ADDRESS: loopback,
    ISSUER: issuer,
    // A client without audiences of its own gets tokens for the issuer.
    AUDIENCE: issuer,
    CA_FILE: paths.ca,
    DRAIN_MILLISECONDS: '0',
  };
  const next = (port: number): string => `http://${loopback}:${port}/`;
  return {
    a: { ...common, NAME: 'a', PORT: String(ports.a), NEXT_URL: next(ports.b) },
    b: { ...common, NAME: 'b', PORT: String(ports.b), NEXT_URL: next(ports.c) },
    c: { ...common, NAME: 'c', PORT: String(ports.c) },
  };
};
