import type { AuthLiveSettings, AuthSettings } from '../../services/auth/settings.ts';
import type { GatewayLiveSettings, GatewaySettings } from '../../services/gateway/settings.ts';
import type { MigrateSettings } from '../../services/migrate/settings.ts';
import type { DatabaseSettings, PeerSettings } from '../../services/shared/service-settings.ts';
import type { TokenStoreLiveSettings, TokenStoreSettings } from '../../services/token-store/settings.ts';
import { parseDurationMilliseconds, parseDurationSeconds } from '../api/duration.ts';
import type { TenantRoute } from '../api/gateway-spec.ts';
import { databasePasswordEntries, rememberedDatabaseEntry } from '../keys/random-secrets.ts';
import type { Blueprint, Component } from './blueprint.ts';
import {
  acceptedDatabaseEntry,
  type DatabaseReader,
  type DatabaseSources,
  databaseCaEntry,
  databaseRoleName,
  databaseUrlEntries,
  givenUrl,
  hasDatabaseCa,
} from './database-connection.ts';
import { cacheEntries, mailEntries, mountPaths } from './mounts.ts';
import { objectNames } from './object-names.ts';
import { ports } from './ports.ts';

/**
 * The longest that a Service's endpoints may lag behind a pod that stops; auth and token-store go on accepting for as
 * long. The gateway's clients idle longer, so its drain is the tenant's setting.
 */
const internalDrainMilliseconds = 10_000;

const commonSettings = (blueprint: Blueprint, drainMilliseconds: number) => ({
  tenant: blueprint.name,
  namespace: blueprint.namespace,
  version: blueprint.version,
  listenAddress: '0.0.0.0',
  probePort: ports.probes,
  identityDirectory: mountPaths.identity,
  liveDirectory: mountPaths.live,
  drainMilliseconds,
});

/** Where the trust bundles are mounted, when there are any. */
const trustSettings = ({ spec }: Blueprint): { trustDirectory?: string } =>
  spec.trustBundles.length === 0 ? {} : { trustDirectory: mountPaths.trust };

const databaseSettings = (
  blueprint: Blueprint,
  reader: DatabaseReader,
  hasCa: boolean,
): Omit<DatabaseSettings, 'maxConnections'> => ({
  ...trustSettings(blueprint),
  urlFile: `${mountPaths.database}/${databaseUrlEntries[reader]}`,
  ...(hasCa ? { caFile: `${mountPaths.database}/${databaseCaEntry}` } : {}),
});

const peerSettings = (blueprint: Blueprint, component: Component): PeerSettings => ({
  headlessHost: `${objectNames.headlessService(blueprint, component)}.${blueprint.namespace}.svc`,
  fallbackHost: `${objectNames.workload(blueprint, component)}.${blueprint.namespace}.svc`,
  port: ports.mutualTls,
});

export const buildTokenStoreSettings = (blueprint: Blueprint, databaseHasCa: boolean): TokenStoreSettings => ({
  ...commonSettings(blueprint, internalDrainMilliseconds),
  port: ports.mutualTls,
  database: { ...databaseSettings(blueprint, 'token-store', databaseHasCa), maxConnections: 10 },
  ...(blueprint.spec.cache === undefined
    ? {}
    : {
        cache: {
          ...trustSettings(blueprint),
          urlFile: `${mountPaths.cache}/${cacheEntries.url}`,
          // The file is there when the Secret has it.
          caFile: `${mountPaths.cache}/${cacheEntries.ca}`,
        },
      }),
  dataEncryptionKeysDirectory: mountPaths.dataEncryptionKeys,
});

const mailSettings = (blueprint: Blueprint): Pick<AuthSettings, 'mail'> => {
  const { mail } = blueprint.spec.auth;
  if (mail === undefined) return {};
  return {
    mail: {
      ...trustSettings(blueprint),
      urlFile: `${mountPaths.mail}/${mailEntries.url}`,
      // The file is there when the Secret has it.
      caFile: `${mountPaths.mail}/${mailEntries.ca}`,
      from: mail.from,
    },
  };
};

/** Where clients with certificates call: their host, on the port of the issuer. */
const certificatesOrigin = (
  { issuer }: Blueprint['spec'],
  { host }: NonNullable<Blueprint['spec']['gateway']['clientCertificates']>,
): string => {
  const { port } = new URL(issuer);
  return `https://${host}${port === '' ? '' : `:${port}`}`;
};

export const buildAuthSettings = (blueprint: Blueprint, databaseHasCa: boolean): AuthSettings => {
  const { auth, gateway, keys, tokens, issuer } = blueprint.spec;
  return {
    ...commonSettings(blueprint, internalDrainMilliseconds),
    port: ports.mutualTls,
    issuer,
    ...(gateway.clientCertificates === undefined
      ? {}
      : { clientCertificatesOrigin: certificatesOrigin(blueprint.spec, gateway.clientCertificates) }),
    database: { ...databaseSettings(blueprint, 'auth', databaseHasCa), maxConnections: 10 },
    tokenStore: peerSettings(blueprint, 'token-store'),
    signingKeysDirectory: mountPaths.signingKeys,
    cookieKeysDirectory: mountPaths.cookieKeys,
    pairwiseSaltDirectory: mountPaths.pairwiseSalt,
    tokens: {
      accessTokenSeconds: parseDurationSeconds(tokens.accessTokenTTL),
      refreshTokenSeconds: parseDurationSeconds(tokens.refreshTokenTTL),
      refreshTokenAbsoluteSeconds: parseDurationSeconds(tokens.refreshTokenAbsoluteTTL),
      refreshReplayLeewaySeconds: parseDurationSeconds(tokens.refreshReplayLeeway),
      idTokenSeconds: parseDurationSeconds(tokens.idTokenTTL),
      authorizationCodeSeconds: parseDurationSeconds(tokens.authorizationCodeTTL),
    },
    session: {
      idleSeconds: parseDurationSeconds(auth.session.idleTimeout),
      absoluteSeconds: parseDurationSeconds(auth.session.absoluteTimeout),
    },
    clientKeys: { addresses: auth.clientKeys.addresses, ...trustSettings(blueprint) },
    jwksMaxAgeSeconds: parseDurationSeconds(keys.jwksMaxAge),
    registrationEnabled: auth.registration.enabled,
    passwordMinimumLength: auth.passwordPolicy.minimumLength,
    auditSeconds: parseDurationSeconds(auth.audit.retention),
    consent: {
      policyVersion: auth.consent.policyVersion,
      ...(auth.consent.policyURL === undefined ? {} : { policyUrl: auth.consent.policyURL }),
    },
    ...mailSettings(blueprint),
  };
};

const certificateSettings = ({ spec }: Blueprint): Pick<GatewaySettings, 'clientCertificates'> => {
  const { clientCertificates } = spec.gateway;
  if (clientCertificates === undefined) return {};
  return {
    clientCertificates: {
      port: ports.certificates,
      origin: certificatesOrigin(spec, clientCertificates),
      tlsDirectory: mountPaths.certificatesTls,
      ...(clientCertificates.caSecretRef === undefined ? {} : { caDirectory: mountPaths.clientCa }),
    },
  };
};

export const buildGatewaySettings = (blueprint: Blueprint): GatewaySettings => ({
  ...commonSettings(blueprint, parseDurationMilliseconds(blueprint.spec.gateway.drainTimeout)),
  publicPort: blueprint.spec.gateway.tls === undefined ? ports.publicHttp : ports.publicHttps,
  ...(blueprint.spec.gateway.tls === undefined ? {} : { publicTlsDirectory: mountPaths.publicTls }),
  ...certificateSettings(blueprint),
  internalPort: ports.gatewayInternal,
  issuer: blueprint.spec.issuer,
  auth: peerSettings(blueprint, 'auth'),
  tokenStore: peerSettings(blueprint, 'token-store'),
  keyringDirectory: mountPaths.signingKeys,
  clockSkewSeconds: parseDurationSeconds(blueprint.spec.keys.clockSkew),
});

const buildRoute = (blueprint: Blueprint, route: TenantRoute): GatewayLiveSettings['routes'][number] => ({
  name: route.name,
  pathPrefix: route.match.pathPrefix,
  ...(route.match.methods === undefined ? {} : { methods: route.match.methods }),
  upstreamUrl: `http://${route.upstream.service}.${blueprint.namespace}.svc:${route.upstream.port}`,
  authentication: route.authentication,
  ...(route.audience === undefined ? {} : { audience: route.audience }),
  scopes: route.scopes,
  stripPrefix: route.stripPrefix,
  timeoutMilliseconds: parseDurationMilliseconds(route.timeout),
});

export const buildGatewayLiveSettings = (blueprint: Blueprint): GatewayLiveSettings => ({
  logLevel: blueprint.spec.gateway.logLevel,
  trustedProxies: blueprint.spec.gateway.trustedProxies,
  routes: blueprint.spec.gateway.routes.map((route) => buildRoute(blueprint, route)),
});

export const buildAuthLiveSettings = ({ name, spec: { auth }, serviceAccountTokens }: Blueprint): AuthLiveSettings => ({
  logLevel: auth.logLevel,
  ...(serviceAccountTokens === undefined ? {} : { serviceAccountTokens }),
  branding: {
    name: auth.branding.name ?? name,
    ...(auth.branding.logoUrl === undefined ? {} : { logoUrl: auth.branding.logoUrl }),
    ...(auth.branding.primaryColor === undefined ? {} : { primaryColor: auth.branding.primaryColor }),
  },
});

export const buildTokenStoreLiveSettings = ({ spec }: Blueprint): TokenStoreLiveSettings => ({
  logLevel: spec.tokenStore.logLevel,
  lifetimes: {
    accessTokenSeconds: parseDurationSeconds(spec.tokens.accessTokenTTL),
    refreshTokenSeconds: parseDurationSeconds(spec.tokens.refreshTokenAbsoluteTTL),
  },
  clockSkewSeconds: parseDurationSeconds(spec.keys.clockSkew),
});

const migrateRole = (
  blueprint: Blueprint,
  sources: DatabaseSources,
  reader: Exclude<DatabaseReader, 'migrate'>,
): MigrateSettings['roles']['auth'] => {
  if (givenUrl(sources, reader) !== undefined)
    return { urlFile: `${mountPaths.database}/${databaseUrlEntries[reader]}` };
  const entry = databasePasswordEntries[reader === 'auth' ? 'auth' : 'tokenStore'];
  return {
    name: databaseRoleName(blueprint, reader),
    passwordFile: `${mountPaths.databaseCredentials}/${entry}`,
  };
};

export const buildMigrateSettings = (blueprint: Blueprint, sources: DatabaseSources): MigrateSettings => ({
  tenant: blueprint.name,
  namespace: blueprint.namespace,
  database: databaseSettings(blueprint, 'migrate', hasDatabaseCa(blueprint, sources)),
  roles: {
    auth: migrateRole(blueprint, sources, 'auth'),
    tokenStore: migrateRole(blueprint, sources, 'token-store'),
  },
  expectedDatabaseFile: `${mountPaths.databaseCredentials}/${rememberedDatabaseEntry}`,
  acceptedDatabaseFile: `${mountPaths.database}/${acceptedDatabaseEntry}`,
  dataEncryptionKeys: [...sources.dataEncryptionKeys],
});
