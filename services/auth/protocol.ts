import { type RequestHandler, Router } from 'express';
import { errors } from 'oidc-provider';
import type { Logger } from 'pino';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { Keyring } from '../shared/contracts/keyring.ts';
import type { TokenStoreClient } from '../token-store/client/token-store-client.ts';
import { createAccessTokenVerifier } from './access-tokens/access-token-verifier.ts';
import { createFindLiveToken } from './access-tokens/live-access-token.ts';
import { createAccountRoutes } from './account-page/account-routes.ts';
import { createLinkRoutes } from './account-page/link-routes.ts';
import type { ChangeAccounts } from './accounts/account-changes.ts';
import type { Accounts } from './accounts/accounts.ts';
import type { AuthMetrics } from './auth-metrics.ts';
import { createClientKeyFetch } from './clients/client-key-fetch.ts';
import { buildClientMetadata } from './clients/client-metadata.ts';
import { createSubjects } from './clients/subject.ts';
import type { Consents } from './consent/consents.ts';
import { createInteractionRoutes } from './interactions/interaction-routes.ts';
import { createIdTokenHintVerifier } from './keys/id-token-hint.ts';
import { buildJsonWebKeySet, buildJwksAnswer } from './keys/json-web-key-set.ts';
import { buildProviderKeys } from './keys/provider-keys.ts';
import type { SigningKeys } from './keys/signing-key-files.ts';
import { createLogoutTokens, type SignLogoutToken } from './logout/logout-token.ts';
import type { Pages } from './pages/pages.ts';
import { buildProvider } from './provider/build-provider.ts';
import { requirePlainUtf8 } from './provider/form-encoding.ts';
import { paths } from './provider/issuer.ts';
import type { AuthSettings, ServiceAccountTokens } from './settings.ts';

export type ProtocolOptions = {
  settings: AuthSettings;
  signingKeys: SigningKeys;
  cookieKeys: readonly string[];
  pairwiseSalt: string;
  store: TokenStoreClient;
  accounts: Accounts;
  consents: Consents;
  change: ChangeAccounts;
  findClient: (clientId: string) => ClientRegistration | undefined;
  findClientOfServiceAccount: (subject: string) => ClientRegistration | undefined;
  serviceAccountTokens: () => ServiceAccountTokens | undefined;
  clientEpoch: (clientId: string) => number;
  /** Has the feed told that nothing counts any more that this key has signed? */
  isKeyRevoked: (kid: string) => boolean;
  pages: Pages;
  /** Stands before the page on which people type codes. */
  throttleCodes: RequestHandler;
  metrics: AuthMetrics;
  logger: Logger;
  newCommitId: () => string;
  /** Epoch seconds. */
  now: () => number;
};

/** Everything that speaks OpenID, for one set of keys; a change of keys makes a new one in its place. */
export type Protocol = {
  keyring: Keyring;
  signingKid: string;
  /** Answers requests below the issuer's path. */
  handle: RequestHandler;
  signLogoutToken: SignLogoutToken;
  /** Why oidc-provider refuses such a client. */
  findFault(registration: ClientRegistration): Promise<string | undefined>;
};

export const buildProtocol = (options: ProtocolOptions): Protocol => {
  const { settings, signingKeys, accounts } = options;
  const { keyring, active } = signingKeys;
  const keys = { jwks: buildProviderKeys(signingKeys), algorithm: active.key.algorithm };
  const verify = createAccessTokenVerifier(settings.issuer, buildJsonWebKeySet(keyring), options.isKeyRevoked);
  const subjectOf = createSubjects(options.pairwiseSalt);
  const provider = buildProvider({
    ...options,
    keys,
    findAccount: accounts.findById,
    subjectOf,
    fetchClientKeys: createClientKeyFetch(settings.clientKeys ?? { addresses: 'Public' }),
    findLive: createFindLiveToken({ ...options, verify }),
    verifyHint: createIdTokenHintVerifier(settings.issuer, keyring),
  });
  const jwks = buildJwksAnswer(keyring, settings.jwksMaxAgeSeconds);

  const handle = Router();
  handle.get(paths.jwks, (request, response) => {
    response.set(jwks.headers);
    if (request.fresh) response.status(304).end();
    else response.send(jwks.body);
  });
  handle.use(requirePlainUtf8);
  handle.use(paths.interaction, createInteractionRoutes({ ...options, provider }));
  handle.use(paths.account, createAccountRoutes({ ...options, provider }));
  if (settings.mail !== undefined) handle.use(paths.link, createLinkRoutes(options));
  handle.use(paths.device, options.throttleCodes);
  handle.use(provider.callback());

  return {
    keyring,
    signingKid: active.key.kid,
    handle,
    signLogoutToken: createLogoutTokens(settings.issuer, signingKeys, {
      subjectFor: (clientId, accountId) => subjectOf(options.findClient(clientId), accountId),
      now: options.now,
    }),
    findFault: async (registration) => {
      if (registration.certificateBoundAccessTokens && settings.clientCertificatesOrigin === undefined) {
        return 'access tokens cannot be bound to certificates: the tenant has no gateway.clientCertificates';
      }
      try {
        await provider.Client.validate(buildClientMetadata(registration));
        return undefined;
      } catch (error) {
        if (error instanceof errors.InvalidClientMetadata) return error.error_description ?? error.message;
        throw error;
      }
    },
  };
};
