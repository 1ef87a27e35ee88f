import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { AuthSettings } from '../auth/settings.ts';
import { type AuthFixture, startAuthFixture } from '../auth/testing/auth-fixture.ts';
import { composeGateway } from '../gateway/gateway.ts';
import type { GatewayRoute, GatewaySettings } from '../gateway/settings.ts';
import { type RunningService, startService } from '../shared/service-process.ts';

/** A real gateway in front of a real auth, token-store and PostgreSQL. */
export type GatewayAndAuth = {
  fixture: AuthFixture;
  auth: RunningService;
  gateway: RunningService;
  publicPort: number;
  stop(): Promise<void>;
};

/** What is other than by default. */
type StackOptions = {
  auth?: Partial<AuthSettings>;
  gateway?: Partial<GatewaySettings>;
  /** Where a second process of auth or the token-store is looked for when the first one does not take a connection. */
  fallbackHost?: string;
};

type Loggers = { auth: Logger; gateway: Logger };

const startServices = async (
  fixture: AuthFixture,
  routes: readonly GatewayRoute[],
  loggers: Loggers,
  { auth: authChanges, gateway: gatewayChanges, fallbackHost = '127.0.0.1' }: StackOptions,
): Promise<GatewayAndAuth> => {
  const tokenStore = { ...fixture.settings().tokenStore, fallbackHost };
  const auth = await fixture.start({ tokenStore, ...authChanges });
  const { listenAddress, tenant, namespace, version, issuer, signingKeysDirectory } = fixture.settings();
  const liveDirectory = join(fixture.directory, 'gateway-live');
  mkdirSync(liveDirectory);
  writeFileSync(join(liveDirectory, 'live.json'), JSON.stringify({ logLevel: loggers.gateway.level, routes }));
  const peer = { headlessHost: '127.0.0.1', fallbackHost, port: auth.ports['auth'] ?? 0 };
  const settings = {
    tenant,
    namespace,
    version,
    listenAddress,
    issuer,
    liveDirectory,
    probePort: 0,
    publicPort: 0,
    internalPort: 0,
    drainMilliseconds: 0,
    clockSkewSeconds: 5,
    auth: peer,
    tokenStore,
    identityDirectory: join(dirname(fixture.store.settings().identityDirectory), 'gateway'),
    keyringDirectory: signingKeysDirectory,
    ...gatewayChanges,
  };
  const gateway = await startService(composeGateway(settings, loggers.gateway));
  return {
    fixture,
    auth,
    gateway,
    publicPort: gateway.ports['public'] ?? 0,
    stop: async () => {
      await gateway.stop();
      await fixture.stop();
    },
  };
};

export const startGatewayAndAuth = async (
  routes: readonly GatewayRoute[],
  loggers: Loggers,
  options: StackOptions = {},
): Promise<GatewayAndAuth> => {
  const fixture = await startAuthFixture(loggers.auth);
  try {
    return await startServices(fixture, routes, loggers, options);
  } catch (error) {
    await fixture.stop();
    throw error;
  }
};
