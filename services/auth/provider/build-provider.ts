import { randomUUID } from 'node:crypto';
import { type Configuration, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Logger } from 'pino';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { isDatabaseUnavailable } from '../../shared/postgres-errors.ts';
import { buildTokenValue } from '../../token-store/client/token-value.ts';
import type { FindLiveToken } from '../access-tokens/live-access-token.ts';
import { createStructuredTokenAnswers, isStructuredTokenRefusal } from '../access-tokens/structured-tokens.ts';
import { acceptOwnTokensAtUserinfo } from '../access-tokens/userinfo-tokens.ts';
import type { AuthMetrics } from '../auth-metrics.ts';
import { hideCertificateBinding } from '../client-certificates/certificate-features.ts';
import { matchesClientSecret } from '../clients/client-secret.ts';
import { createServiceAccountTokenVerifier, type VerifyServiceAccountToken } from '../clients/service-account-token.ts';
import { createDeviceCodePrefill, createDevicePages } from '../device/device-pages.ts';
import type { VerifyIdTokenHint } from '../keys/id-token-hint.ts';
import { enqueueLogoutNotices } from '../logout/logout-notices.ts';
import type { Pages } from '../pages/pages.ts';
import { currentUnit } from '../unit-of-work/current-unit.ts';
import { isFailureEvent } from '../unit-of-work/provider-events.ts';
import { createUnitMiddleware, type UnitOptions } from '../unit-of-work/unit-middleware.ts';
import { createAdapterFactory } from './adapter.ts';
import { buildConfiguration, type ConfigurationOptions } from './configuration.ts';
import { assertModelNames } from './model-kinds.ts';
import { answerUnknownPaths, createLibraryPagePolicy, createReplaceAnswer } from './provider-answers.ts';
import { createProviderPages } from './provider-pages.ts';
import { acceptServiceAccountTokens, type ServiceAccountAssertionOptions } from './service-account-assertions.ts';

export type ProviderOptions = Omit<ConfigurationOptions, 'adapter' | 'pages' | 'devicePages'> &
  UnitOptions &
  ServiceAccountAssertionOptions & {
    metrics: AuthMetrics;
    pages: Pages;
    logger: Logger;
    verifyHint: VerifyIdTokenHint;
    findLive: FindLiveToken;
  };

/** One id a request, for the page that a person reads and the log entry that we read. */
const createCorrelationIds = (): ((context: object) => string) => {
  const ids = new WeakMap<object, string>();
  return (context) => {
    const id = ids.get(context) ?? randomUUID();
    ids.set(context, id);
    return id;
  };
};

/**
 * Holds what the provider emits during a unit of work until its commit, and learns from it that the request failed. koa's
 * own `error` event is told at once: it reports what nobody catches.
 */
const holdEvents = (provider: Provider): void => {
  const emit = provider.emit.bind(provider);
  const emitOrHold = (name: string, ...values: unknown[]): boolean => {
    const tell = (): boolean => Reflect.apply(emit, provider, [name, ...values]);
    const open = currentUnit();
    if (open === undefined || name === 'error') return tell();
    // No failure: our own layer answers for those tokens.
    if (isStructuredTokenRefusal(values[1])) return true;
    if (isFailureEvent(name)) open.unit.markFailed();
    open.events.push({ name, emit: tell });
    return true;
  };
  Object.defineProperty(provider, 'emit', { value: emitOrHold });
};

/** oidc-provider compares plain secrets, which nobody has: its clients ask for the hashes instead. */
const compareSecretHashes = (
  provider: Provider,
  findClient: (clientId: string) => ClientRegistration | undefined,
  verifyServiceAccountToken: VerifyServiceAccountToken,
): void => {
  Object.defineProperty(provider.Client.prototype, 'compareClientSecret', {
    value(this: { clientId: string }, presented: string): boolean | Promise<boolean> {
      const { serviceAccountSubject, secretHashes = [] } = findClient(this.clientId) ?? {};
      return serviceAccountSubject === undefined
        ? matchesClientSecret(secretHashes, presented)
        : verifyServiceAccountToken(presented, serviceAccountSubject);
    },
  });
};

/** A database that cannot answer makes the request one to repeat, not one that failed for good. */
const findAccountInUnit =
  (findAccount: ProviderOptions['findAccount']): ProviderOptions['findAccount'] =>
  async (id) => {
    try {
      return await findAccount(id);
    } catch (error) {
      if (isDatabaseUnavailable(error)) currentUnit()?.unit.markAway();
      throw error;
    }
  };

/**
 * oidc-provider pins an `id_token_hint` to the algorithm that the client's ID tokens have today. One signed before a
 * change of algorithm, or by a key that is retired by now, still says who wants to sign out.
 */
const acceptRetiredHints = (provider: Provider, verify: VerifyIdTokenHint): void => {
  Object.defineProperty(provider.IdToken, 'validate', {
    value: (hint: string, client: { clientId: string }) => verify(hint, client.clientId),
  });
};

/**
 * oidc-provider gives a session a new id whenever an interaction ends. Tabs that are opened at once then take the cookie
 * away from each other. The id is to change with whom it stands for, so that nobody signs in to an id that was planted;
 * within one account's session it stays.
 */
const keepIdsOfOneAccount = (provider: Provider): void => {
  const { resetIdentifier } = provider.Session.prototype;
  provider.Session.prototype.resetIdentifier = function (): void {
    const accountBefore = currentUnit()?.unit.staged.sessionsBefore.get(this.uid)?.payload['accountId'];
    if (accountBefore === undefined || accountBefore !== this.accountId) Reflect.apply(resetIdentifier, this, []);
  };
};

/** The value of a stored token names the day of its end, and so the partition that it is kept in. */
const nameTokenDays = (provider: Provider, now: () => number): void => {
  for (const model of [provider.RefreshToken, provider.AccessToken, provider.ClientCredentials]) {
    // The library's types leave it out.
    const generateTokenId: unknown = Reflect.get(model.prototype, 'generateTokenId');
    if (typeof generateTokenId !== 'function') throw new Error('oidc-provider names its tokens in another way');
    Object.defineProperty(model.prototype, 'generateTokenId', {
      value(this: InstanceType<typeof model>): string {
        const id: string = Reflect.apply(generateTokenId, this, []);
        return this.format === 'jwt' ? id : buildTokenValue(id, now() + this.expiration);
      },
    });
  }
};

const errorFields = (error: unknown): Record<string, unknown> => {
  if (!(error instanceof Error)) return {};
  // `error_detail` tells what the client is not told, such as which check of a code failed; no value of a token.
  const detail: unknown = Reflect.get(error, 'error_detail');
  const description: unknown = Reflect.get(error, 'error_description');
  return {
    error: error.message,
    ...(typeof description === 'string' && { description }),
    ...(typeof detail === 'string' && { detail }),
  };
};

/** The other side went away in the middle of its request: by Node's parser, which met an end, or by the socket. */
const isBrokenOff = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  /^(HPE_INVALID_EOF_STATE|ECONNRESET|ECONNABORTED|EPIPE|ERR_STREAM_PREMATURE_CLOSE)$/.test(String(error.code));

const logEvents = (provider: Provider, logger: Logger, correlationIdOf: (context: object) => string): void => {
  const describeRequest = (context: KoaContextWithOIDC) => ({
    route: context.oidc?.route,
    client: context.oidc?.client?.clientId,
    correlationId: correlationIdOf(context),
  });
  provider.on('server_error', (context, error) => {
    logger.error({ ...describeRequest(context), err: error }, 'request failed');
  });
  const logRefusal = (context: KoaContextWithOIDC, error: Error): void => {
    logger.info({ ...describeRequest(context), ...errorFields(error) }, 'request refused');
  };
  provider.on('authorization.error', logRefusal);
  provider.on('grant.error', logRefusal);
  provider.on('end_session.error', logRefusal);
  provider.on('pushed_authorization_request.error', logRefusal);
  provider.on('device_authorization.error', logRefusal);
  provider.on('introspection.error', logRefusal);
  provider.on('revocation.error', logRefusal);
  provider.on('userinfo.error', logRefusal);
  provider.on('grant.revoked', (context, grantId) => {
    // The id grants nothing once it is revoked.
    logger.info({ ...describeRequest(context), grantId }, 'grant revoked');
  });
  // koa's own event, which the library's types leave out.
  const logFault = (error: unknown): void => {
    if (isBrokenOff(error)) logger.info('request broken off');
    else logger.error({ err: error }, 'provider failed');
  };
  Reflect.apply(provider.on, provider, ['error', logFault]);
};

const countTokens = (provider: Provider, metrics: AuthMetrics): void => {
  provider.on('access_token.issued', () => metrics.countTokens('access_token'));
  provider.on('client_credentials.issued', () => metrics.countTokens('client_credentials'));
  provider.on('refresh_token.saved', () => metrics.countTokens('refresh_token'));
};

/**
 * A provider for these keys and settings. It costs 0.35 ms, so a change of either makes a new one; requests under way end
 * with the one that they began with.
 */
export const buildProvider = (options: ProviderOptions): Provider => {
  const { settings, findClient, pages, logger } = options;
  const correlationIdOf = createCorrelationIds();
  const adapter: Configuration['adapter'] = createAdapterFactory(options);
  const providerPages = createProviderPages({ pages, findClient, correlationIdOf });
  const devicePages = createDevicePages({ pages, findClient, correlationIdOf });
  const findAccount = findAccountInUnit(options.findAccount);
  const configuration = buildConfiguration({ ...options, adapter, findAccount, pages: providerPages, devicePages });
  const provider = new Provider(settings.issuer, configuration);
  // `pinIssuer` writes the headers that this makes koa believe.
  provider.proxy = true;
  assertModelNames(provider);
  holdEvents(provider);
  const verifyServiceAccountToken = createServiceAccountTokenVerifier(settings.issuer, options.serviceAccountTokens);
  compareSecretHashes(provider, findClient, verifyServiceAccountToken);
  acceptServiceAccountTokens(provider, options);
  acceptRetiredHints(provider, options.verifyHint);
  keepIdsOfOneAccount(provider);
  enqueueLogoutNotices(provider, options.now);
  nameTokenDays(provider, options.now);
  acceptOwnTokensAtUserinfo(provider, options.findLive);
  logEvents(provider, logger, correlationIdOf);
  countTokens(provider, options.metrics);
  const replay = { leewaySeconds: settings.tokens.refreshReplayLeewaySeconds, secrets: options.cookieKeys };
  provider.use(answerUnknownPaths);
  provider.use(createLibraryPagePolicy(findClient));
  provider.use(
    createUnitMiddleware(
      { ...options, replay },
      createReplaceAnswer({ issuer: settings.issuer, pages, logger, correlationIdOf }),
    ),
  );
  provider.use(createStructuredTokenAnswers(options));
  if (settings.clientCertificatesOrigin === undefined) provider.use(hideCertificateBinding);
  provider.use(createDeviceCodePrefill(devicePages));
  return provider;
};
