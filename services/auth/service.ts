import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { InternalState } from '../shared/contracts/internal-state.ts';
import type { Keyring } from '../shared/contracts/keyring.ts';
import { observeDatabase } from '../shared/database-state.ts';
import { loadWorkloadIdentity } from '../shared/identity.ts';
import { createMetrics } from '../shared/metrics.ts';
import { createMutualTlsServer, peerConnectOptions } from '../shared/mutual-tls.ts';
import { createPeerPool } from '../shared/peer-pool.ts';
import { databaseErrorCode } from '../shared/postgres-errors.ts';
import { createPostgresPool, type Queryable } from '../shared/postgres-pool.ts';
import type { ServiceOptions } from '../shared/service-process.ts';
import { readSettings } from '../shared/settings-file.ts';
import { watchDirectory, watchSettings } from '../shared/watched-directory.ts';
import { createRevocationFeedFollower } from '../token-store/client/revocation-feed.ts';
import { exposeRevocationFeed } from '../token-store/client/revocation-metrics.ts';
import { createTokenStoreClient, type TokenStoreClient } from '../token-store/client/token-store-client.ts';
import { withAccountClient } from './account-page/account-client.ts';
import { createAccountChanges } from './accounts/account-changes.ts';
import { createAccounts } from './accounts/accounts.ts';
import { createConcurrencyLimit } from './accounts/concurrency-limit.ts';
import { createPasswordHashing } from './accounts/password-hashing.ts';
import { createAccountAdministration } from './admin/account-administration.ts';
import { createAuthApp } from './app.ts';
import { createAuthMetrics } from './auth-metrics.ts';
import { runAuthCleaning } from './cleaning.ts';
import { type ClientRegistry, createClientRegistry, runClientRegistryPolling } from './clients/client-registry.ts';
import { createClientRepository } from './clients/client-repository.ts';
import { createConsents } from './consent/consents.ts';
import { readSigningKeys } from './keys/signing-key-files.ts';
import { createLogoutDelivery } from './logout/logout-delivery.ts';
import { runLogoutWorker } from './logout/logout-worker.ts';
import { createMailDelivery } from './mail/mail-delivery.ts';
import { createSmtpTransport } from './mail/smtp-transport.ts';
import { createOutboxRepository } from './outbox/outbox-repository.ts';
import { type Handlers, runOutbox } from './outbox/outbox-worker.ts';
import { createRevocationDelivery } from './outbox/revocation-delivery.ts';
import { createAssets } from './pages/assets.ts';
import type { Branding } from './pages/brand.ts';
import { createPages } from './pages/pages.ts';
import { buildProtocol, type Protocol, type ProtocolOptions } from './protocol.ts';
import { assertIssuer, issuerPath, paths } from './provider/issuer.ts';
import { grantSeconds } from './provider/lifetimes.ts';
import { type AuthSettings, authLiveSettingsSchema, cookieKeysSchema, pairwiseSaltSchema } from './settings.ts';
import { createCodeThrottle } from './throttling/code-throttle.ts';

const name = 'auth';
const startRetryMilliseconds = 500;
/** How long the end of a process waits for mails that are on their way. */
const deliveryMilliseconds = 5000;
/** libuv has four threads unless told otherwise, and one is left to whatever else needs one. */
const maxConcurrentHashes = 3;
/** Waiting hashes a core: at 6 ms each, the last in the queue waits for about half a second. */
const waitingHashesPerCore = 80;

const epochSeconds = (): number => Math.floor(Date.now() / 1000);

type Background = { signal: AbortSignal; logger: Logger };

/** A volume that was swapped late must not bring back keys that have moved on. */
const isOlder = (read: Keyring, held: Keyring | undefined): boolean =>
  held !== undefined && held.uuid === read.uuid && read.revision < held.revision;

/** Keeps a protocol for the keys as they are now; a change that cannot be used leaves the last one in place. */
const followKeys = (
  settings: AuthSettings,
  build: (keys: Pick<ProtocolOptions, 'signingKeys' | 'cookieKeys' | 'pairwiseSalt'>) => Protocol,
  { signal, logger }: Background,
): (() => Protocol | undefined) => {
  let current: Protocol | undefined;
  const rebuild = (): void => {
    const signingKeys = readSigningKeys(settings.signingKeysDirectory);
    if (isOlder(signingKeys.keyring, current?.keyring)) {
      logger.warn({ revision: signingKeys.keyring.revision, held: current?.keyring.revision }, 'older keyring ignored');
      return;
    }
    const { keys: cookieKeys } = readSettings(`${settings.cookieKeysDirectory}/keys.json`, cookieKeysSchema);
    const { salt } = readSettings(`${settings.pairwiseSaltDirectory}/keys.json`, pairwiseSaltSchema);
    current = build({ signingKeys, cookieKeys, pairwiseSalt: salt });
    logger.info({ revision: current.keyring.revision, signingKid: current.signingKid }, 'keys taken over');
  };
  for (const directory of [
    settings.signingKeysDirectory,
    settings.cookieKeysDirectory,
    settings.pairwiseSaltDirectory,
  ]) {
    watchDirectory(directory, { onChange: rebuild, signal, logger });
  }
  try {
    rebuild();
  } catch (error) {
    // Not the end: the pod says that it is not ready and why, and goes on when the keys have been put right.
    logger.error({ err: error }, 'keys not usable');
  }
  return () => current;
};

const runFirstContact = async (registry: ClientRegistry, { signal, logger }: Background): Promise<void> => {
  while (!signal.aborted) {
    try {
      await registry.refresh();
      return;
    } catch (error) {
      logger.warn({ code: databaseErrorCode(error) }, 'waiting for the database');
      await delay(startRetryMilliseconds, undefined, { signal }).catch(() => undefined);
    }
  }
};

/** What the outbox delivers, and how. */
const buildHandlers = (options: {
  settings: AuthSettings;
  pool: Queryable;
  store: TokenStoreClient;
  findClient: ClientRegistry['find'];
  branding: () => Branding;
}): Handlers => {
  const { settings, pool, branding } = options;
  const { mail, issuer } = settings;
  const revocations = createRevocationDelivery({ ...options, now: epochSeconds });
  if (mail === undefined) return revocations;
  return {
    ...revocations,
    mail: createMailDelivery({
      database: pool,
      branding,
      from: mail.from,
      transport: createSmtpTransport(mail),
      linkTo: (page, query = {}) => {
        const search = new URLSearchParams(query).toString();
        return `${issuer}${paths[page]}${search === '' ? '' : `?${search}`}`;
      },
    }),
  };
};

/**
 * Composes auth: what `runService` or `startService` needs to run it. Background work ends at its shutdown. Throws when
 * something that it was told to read cannot be used; keys may be put right later.
 */
export const buildAuth = async (settings: AuthSettings, logger: Logger): Promise<ServiceOptions> => {
  assertIssuer(settings.issuer);
  const shutdown = new AbortController();
  const background: Background = { signal: shutdown.signal, logger };
  let live = watchSettings(settings.liveDirectory, authLiveSettingsSchema, {
    ...background,
    onChange: (changed) => {
      live = changed;
      logger.level = changed.logLevel;
    },
  });
  logger.level = live.logLevel;
  const identity = loadWorkloadIdentity(settings.identityDirectory, { ...settings, ...background });
  const pool = await createPostgresPool(settings.database, logger, { signal: shutdown.signal, schema: 'auth' });
  const connect = peerConnectOptions(identity, 'token-store');
  const storePool = createPeerPool({ peer: settings.tokenStore, connect, logger });
  const store = createTokenStoreClient({ pool: storePool });
  const metrics = createMetrics(name);

  const concurrency = Math.min(availableParallelism(), maxConcurrentHashes);
  const limit = createConcurrencyLimit({ concurrency, maxWaiting: concurrency * waitingHashesPerCore });
  const authMetrics = createAuthMetrics(metrics.registry, limit.waiting);
  const branding = () => live.branding;
  const clients = createClientRepository(pool);
  const registry = createClientRegistry(clients);
  const outbox = runOutbox({
    repository: createOutboxRepository(pool),
    handlers: buildHandlers({ settings, pool, store, findClient: registry.find, branding }),
    count: authMetrics.countOutbox,
    ...background,
  });
  const change = createAccountChanges(pool, outbox.hurry);
  const accounts = createAccounts({
    pool,
    hashing: await createPasswordHashing(limit),
    passwordMinimumLength: settings.passwordMinimumLength,
    sendsMail: settings.mail !== undefined,
    newId: randomUUID,
    change,
  });
  const consents = createConsents({ pool, change, grantSeconds: grantSeconds(settings) });
  const assets = createAssets(`${issuerPath(settings.issuer)}${paths.assets}`, branding);
  const pages = createPages(assets, branding);
  const throttleCodes = createCodeThrottle({ database: pool, pages, logger });

  const revocations = createRevocationFeedFollower({ pool: storePool, ...background });
  exposeRevocationFeed(metrics.registry, revocations);
  const protocol = followKeys(
    settings,
    (keys) =>
      buildProtocol({
        ...keys,
        settings,
        store,
        accounts,
        consents,
        change,
        clientEpoch: revocations.clientEpoch,
        isKeyRevoked: revocations.isKeyRevoked,
        findClient: withAccountClient(registry.find, settings.issuer),
        findClientOfServiceAccount: registry.findByServiceAccount,
        serviceAccountTokens: () => live.serviceAccountTokens,
        pages,
        throttleCodes,
        metrics: authMetrics,
        logger,
        newCommitId: randomUUID,
        now: epochSeconds,
      }),
    background,
  );

  const ready = (): string[] => [
    ...(protocol() === undefined ? ['signing or cookie keys not usable'] : []),
    ...(registry.revision() === undefined ? ['client registry not read yet'] : []),
  ];
  const state = async (): Promise<InternalState> => {
    const { keyring, signingKid } = protocol() ?? {};
    const clientRegistryRevision = registry.revision();
    return {
      service: name,
      version: settings.version,
      ready: ready().length === 0,
      database: await observeDatabase(pool, 'auth'),
      ...(keyring !== undefined &&
        signingKid !== undefined && {
          keyring: {
            uuid: keyring.uuid,
            revision: keyring.revision,
            kids: keyring.keys.filter((key) => key.state !== 'Retired').map(({ kid }) => kid),
            signingKid,
          },
        }),
      ...(clientRegistryRevision !== undefined && { clientRegistryRevision }),
    };
  };
  const app = createAuthApp({
    settings,
    protocol,
    assets: assets.routes,
    registry,
    clients,
    administration: createAccountAdministration({ pool, change, store }),
    store,
    state,
    metrics,
    logger,
  });
  const cleaning = runAuthCleaning({ database: pool, auditSeconds: settings.auditSeconds, ...background });
  const polling = runFirstContact(registry, background).then(() => runClientRegistryPolling(registry, background));
  const following = revocations.run();
  const logout = createLogoutDelivery();
  const telling = runLogoutWorker({
    store,
    findClient: registry.find,
    sign: () => (registry.revision() === undefined ? undefined : protocol()?.signLogoutToken),
    post: logout.post,
    count: authMetrics.countOutbox,
    now: epochSeconds,
    ...background,
  });

  return {
    name,
    settings,
    logger,
    servers: [{ name, server: createMutualTlsServer(identity, app), port: settings.port }],
    ready,
    metrics: metrics.registry,
    onShutdown: async () => {
      shutdown.abort();
      // What a mail server does not take in time is another pod's, when its lease ends.
      const delivered = Promise.race([
        Promise.all([outbox.ended, telling]),
        delay(deliveryMilliseconds, undefined, { ref: false }),
      ]);
      await Promise.all([polling, following, delivered, cleaning]);
      await logout.close();
      await storePool.close();
      await pool.end();
    },
  };
};
