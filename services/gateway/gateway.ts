import type { Logger } from 'pino';
import type { InternalState } from '../shared/contracts/internal-state.ts';
import { keyringFileName, keyringSchema } from '../shared/contracts/keyring.ts';
import { loadWorkloadIdentity } from '../shared/identity.ts';
import { createMetrics } from '../shared/metrics.ts';
import { createMutualTlsServer, peerConnectOptions } from '../shared/mutual-tls.ts';
import { createPeerPool } from '../shared/peer-pool.ts';
import type { ServiceOptions } from '../shared/service-process.ts';
import { watchSettings } from '../shared/watched-directory.ts';
import { createRevocationFeedFollower } from '../token-store/client/revocation-feed.ts';
import { exposeRevocationFeed } from '../token-store/client/revocation-metrics.ts';
import { buildGatewayApp } from './app.ts';
import { readClientAddress } from './client-address.ts';
import { certificateConnection, createClientCertificateServer } from './client-certificates.ts';
import { buildInternalApp } from './internal-app.ts';
import { createPublicServer } from './public-server.ts';
import { buildRouteTable } from './route-table.ts';
import { type GatewayLiveSettings, type GatewaySettings, gatewayLiveSettingsSchema } from './settings.ts';
import { createUpstreams } from './upstreams.ts';
import { buildVerificationKeys } from './verification-keys.ts';
import { createTokenVerifier } from './verified-token-cache.ts';

/** Longer than what load balancers keep idle connections for (60 s), so that they close first. */
const publicKeepAliveMilliseconds = 75_000;

/**
 * Puts a gateway together: what it watches, what it listens with. Throws when a file it needs cannot be used. Hand the
 * result to `runService`, or to `startService` in tests.
 */
export const composeGateway = (settings: GatewaySettings, logger: Logger): ServiceOptions => {
  const { tenant, namespace, issuer } = settings;
  const ended = new AbortController();
  const watch = { signal: ended.signal, logger };
  const metrics = createMetrics('gateway');
  const identity = loadWorkloadIdentity(settings.identityDirectory, { tenant, namespace, ...watch });

  const upstreams = createUpstreams();
  const takeOver = ({ logLevel, routes, trustedProxies }: GatewayLiveSettings) => {
    logger.level = logLevel;
    upstreams.keepOnly(routes);
    return { routes: buildRouteTable(issuer, routes), clientAddress: readClientAddress(trustedProxies) };
  };
  let live = takeOver(
    watchSettings(settings.liveDirectory, gatewayLiveSettingsSchema, {
      ...watch,
      onChange: (changed) => {
        live = takeOver(changed);
      },
    }),
  );

  let keys = buildVerificationKeys(
    watchSettings(settings.keyringDirectory, keyringSchema, {
      ...watch,
      fileName: keyringFileName,
      onChange: (keyring) => {
        keys = buildVerificationKeys(keyring);
        tokens.useKeys(keys);
      },
    }),
  );
  const tokens = createTokenVerifier(keys, { issuer, clockSkewSeconds: settings.clockSkewSeconds });

  const auth = createPeerPool({ peer: settings.auth, connect: peerConnectOptions(identity, 'auth'), logger });
  const tokenStore = createPeerPool({
    peer: settings.tokenStore,
    connect: peerConnectOptions(identity, 'token-store'),
    logger,
  });
  const revocations = createRevocationFeedFollower({ pool: tokenStore, ...watch });
  exposeRevocationFeed(metrics.registry, revocations);
  const following = revocations.run();
  const app = buildGatewayApp(
    {
      issuer,
      routes: () => live.routes,
      certificateConnection: (request) => certificateConnection(request, Date.now()),
      certificateOrigin: settings.clientCertificates?.origin,
      clientAddress: (request) => live.clientAddress(request),
      tokens,
      isRevoked: revocations.isRevoked,
      authTargets: auth.targets,
      upstreamTargets: upstreams.targets,
    },
    { logger, metrics, tls: settings.publicTlsDirectory !== undefined },
  );
  // Once known, revocations stay known: a gateway that lost the feed goes on, and says how old they are by a metric.
  const ready = () => [
    ...(keys.byKid.size > 0 ? [] : ['the keyring has no key']),
    ...(revocations.isReady() ? [] : ['revocations not read yet']),
  ];
  const state = (): InternalState => ({
    service: 'gateway',
    version: settings.version,
    ready: ready().length === 0,
    keyring: { uuid: keys.uuid, revision: keys.revision, kids: [...keys.byKid.keys()] },
  });
  return {
    name: 'gateway',
    settings,
    logger,
    metrics: metrics.registry,
    ready,
    servers: [
      {
        name: 'public',
        server: createPublicServer(settings.publicTlsDirectory, app, watch),
        port: settings.publicPort,
        keepAliveMilliseconds: publicKeepAliveMilliseconds,
      },
      ...(settings.clientCertificates === undefined
        ? []
        : [
            {
              name: 'client-certificates',
              server: createClientCertificateServer(settings.clientCertificates, app, watch),
              port: settings.clientCertificates.port,
              keepAliveMilliseconds: publicKeepAliveMilliseconds,
            },
          ]),
      {
        name: 'internal',
        server: createMutualTlsServer(identity, buildInternalApp(state, logger)),
        port: settings.internalPort,
      },
    ],
    onShutdown: async () => {
      ended.abort();
      await following;
      await auth.close();
      await tokenStore.close();
    },
  };
};
