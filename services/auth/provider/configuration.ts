import { hkdfSync } from 'node:crypto';
import {
  type AccountClaims,
  type Configuration,
  type ExternalSigningKey,
  errors,
  type KoaContextWithOIDC,
} from 'oidc-provider';
import { z } from 'zod';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { issuerCookies } from '../../shared/contracts/issuer-cookies.ts';
import type { SigningAlgorithm } from '../../shared/contracts/keyring.ts';
import { assertMayRevoke, mayIntrospect, type TokenOwnership } from '../access-tokens/token-policies.ts';
import type { Account } from '../accounts/account-repository.ts';
import { certificateAuthMethods, certificateFeatures } from '../client-certificates/certificate-features.ts';
import type { FetchClientKeys } from '../clients/client-key-fetch.ts';
import { defaultAudience, identityScopes, isAudienceAllowed } from '../clients/client-metadata.ts';
import type { SubjectOf } from '../clients/subject.ts';
import type { Consents } from '../consent/consents.ts';
import { claimsOfScopes } from '../consent/requested-claims.ts';
import type { DevicePages } from '../device/device-pages.ts';
import type { AuthSettings } from '../settings.ts';
import { currentUnit } from '../unit-of-work/current-unit.ts';
import { buildInteractionPolicy } from './interaction-policy.ts';
import { buildEndpointAliases, issuerPath, paths } from './issuer.ts';
import {
  deviceCodeSeconds,
  grantSeconds,
  interactionSeconds,
  refreshTokenSeconds,
  sessionSeconds,
} from './lifetimes.ts';
import type { ProviderPages } from './provider-pages.ts';

/** How somebody proved who they are (OpenID Connect Core, `acr`); the only one until there are second factors. */
export const passwordAcr = 'pwd';

export type ConfigurationOptions = {
  settings: Pick<AuthSettings, 'issuer' | 'clientCertificatesOrigin' | 'tokens' | 'session' | 'consent'>;
  keys: { jwks: ExternalSigningKey[]; algorithm: SigningAlgorithm };
  cookieKeys: readonly string[];
  adapter: NonNullable<Configuration['adapter']>;
  findClient: (clientId: string) => ClientRegistration | undefined;
  fetchClientKeys: FetchClientKeys;
  /** The client's epoch, as far as it is known here. */
  clientEpoch: (clientId: string) => number;
  consents: Consents;
  findAccount: (id: string) => Promise<Account | undefined>;
  pages: ProviderPages;
  devicePages: DevicePages;
  subjectOf: SubjectOf;
  /** Epoch seconds. */
  now: () => number;
};

const acrRequestSchema = z.object({
  id_token: z.object({
    acr: z.object({
      essential: z.literal(true),
      value: z.unknown().optional(),
      values: z.array(z.unknown()).default([]),
    }),
  }),
});

/** Who must have signed in in a way that there is not would be asked to sign in again and again. */
const assertReachable = (_context: unknown, claims: unknown): void => {
  const { value, values } = acrRequestSchema.safeParse(claims).data?.id_token.acr ?? { values: [] };
  const wanted = value === undefined ? values : [value, ...values];
  if (wanted.length === 0 || wanted.includes(passwordAcr)) return;
  throw new errors.CustomOIDCProviderError('unmet_authentication_requirements', 'no such acr can be reached');
};

/** What OpenID calls claims, by the account. Scopes and the client decide which of them are told. */
export const buildClaims = ({ id, email, emailVerified, name }: Account): AccountClaims => ({
  sub: id,
  email,
  email_verified: emailVerified,
  ...(name !== undefined && { name }),
});

const buildCookies = (issuer: string, keys: readonly string[]): NonNullable<Configuration['cookies']> => {
  const path = issuerPath(issuer);
  const attributes = { httpOnly: true, sameSite: 'lax', secure: true, signed: true } as const;
  return {
    keys,
    names: {
      session: path === '' ? issuerCookies.hostSession : issuerCookies.pathSession,
      // One sign-in's own, with a path each, which `__Host-` cookies cannot have.
      interaction: issuerCookies.interaction,
      resume: issuerCookies.resume,
    },
    long: { ...attributes, path: path === '' ? '/' : path },
    short: attributes,
  };
};

/** What others may sign with. Symmetric ones would make a verifier of a secret's hash into one who can sign. */
const clientAlgorithms = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const;

/** What the discovery document says besides: where certificates are asked for. */
const buildEndpointDiscovery = ({
  issuer,
  clientCertificatesOrigin: origin,
}: ConfigurationOptions['settings']): Pick<Configuration, 'discovery'> =>
  origin === undefined ? {} : { discovery: { mtls_endpoint_aliases: buildEndpointAliases(issuer, origin) } };

const buildAlgorithms = (own: SigningAlgorithm): NonNullable<Configuration['enabledJWA']> => ({
  idTokenSigningAlgValues: [own],
  authorizationSigningAlgValues: [own],
  requestObjectSigningAlgValues: [...clientAlgorithms],
  clientAuthSigningAlgValues: [...clientAlgorithms],
  dPoPSigningAlgValues: [...clientAlgorithms],
});

/**
 * The same at every pod. It follows the cookie keys: a nonce is good for minutes, and one that is not known any more costs
 * its client one more round.
 */
const deriveNonceSecret = ([newest = '']: readonly string[]): Buffer =>
  Buffer.from(hkdfSync('sha256', newest, '', 'dpop-nonce', 32));

const identityScopeSet: ReadonlySet<string> = new Set(identityScopes);

/**
 * Scopes of an access token for one of the client's audiences. Identity scopes are among them, since the same token opens
 * userinfo; where there is no user they mean nothing.
 */
const resourceScopes = ({ scopes }: ClientRegistration, hasUser: boolean): string =>
  scopes.filter((scope) => scope !== 'offline_access' && (hasUser || !identityScopeSet.has(scope))).join(' ');

/**
 * Claims of ours in access tokens: what a revocation names, since `sub` may be pairwise. The session is none of them: it is
 * one for all clients, which could tell by it whose subjects are one person.
 */
const buildTokenLinks = (
  token: { clientId?: string | undefined },
  clientEpoch: ConfigurationOptions['clientEpoch'],
): Record<string, unknown> => {
  const gid: unknown = Reflect.get(token, 'grantId');
  // A client's own tokens have no grant that would know, and nothing is read for them: a lower epoch is refused later.
  if (typeof gid !== 'string') return { cep: clientEpoch(token.clientId ?? '') };
  const cep = currentUnit()?.unit.clientEpochOf(gid) ?? 0;
  return { gid, cep };
};

/** Of an opaque token that is stored. */
const ownershipOf = (token: { clientId?: string | undefined }): TokenOwnership => {
  const audience: unknown = Reflect.get(token, 'aud');
  return { clientId: token.clientId ?? '', audience: typeof audience === 'string' ? audience : undefined };
};

const buildResourceIndicators = ({ settings, findClient }: ConfigurationOptions) => {
  const registrationOf = (clientId: string): ClientRegistration => {
    const registration = findClient(clientId);
    if (registration === undefined) throw new errors.InvalidClient('client is unknown');
    return registration;
  };
  return {
    enabled: true,
    defaultResource: async (
      _context: unknown,
      { clientId }: { clientId: string },
      oneOf?: readonly string[],
    ): Promise<string> => oneOf?.[0] ?? defaultAudience(registrationOf(clientId), settings.issuer),
    useGrantedResource: async () => true,
    getResourceServerInfo: async (
      context: KoaContextWithOIDC,
      resource: string,
      { clientId }: { clientId: string },
    ) => {
      const registration = registrationOf(clientId);
      if (!isAudienceAllowed(registration, settings.issuer, resource)) throw new errors.InvalidTarget();
      return {
        scope: resourceScopes(registration, context.oidc.params?.['grant_type'] !== 'client_credentials'),
        audience: resource,
        accessTokenTTL: settings.tokens.accessTokenSeconds,
        accessTokenFormat: registration.accessTokenFormat ?? ('jwt' as const),
      };
    },
  };
};

/** oidc-provider's configuration: everything that is ours to decide is decided here, not by its defaults. */
export const buildConfiguration = (options: ConfigurationOptions): Configuration => {
  const {
    settings,
    keys,
    cookieKeys,
    adapter,
    findClient,
    fetchClientKeys,
    findAccount,
    subjectOf,
    pages,
    devicePages,
    now,
  } = options;
  const { tokens, session } = settings;
  return {
    adapter,
    jwks: { keys: keys.jwks },
    clientDefaults: {
      id_token_signed_response_alg: keys.algorithm,
      authorization_signed_response_alg: keys.algorithm,
    },
    enabledJWA: buildAlgorithms(keys.algorithm),
    fetch: fetchClientKeys,
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      ...(settings.clientCertificatesOrigin === undefined ? [] : certificateAuthMethods),
      'none',
    ],
    ...buildEndpointDiscovery(settings),
    subjectTypes: ['public', 'pairwise'],
    pairwiseIdentifier: async (_context, accountId, client) => subjectOf(findClient(client.clientId), accountId),
    sectorIdentifierUriValidate: () => false,
    responseTypes: ['code'],
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access'],
    claims: {
      openid: ['sub', 'acr', 'amr', 'auth_time'],
      email: [...claimsOfScopes.email],
      profile: [...claimsOfScopes.profile],
    },
    acrValues: [passwordAcr],
    cookies: buildCookies(settings.issuer, cookieKeys),
    routes: {
      authorization: paths.authorization,
      token: paths.token,
      userinfo: paths.userinfo,
      pushed_authorization_request: paths.pushedAuthorizationRequest,
      device_authorization: paths.deviceAuthorization,
      code_verification: paths.device,
      introspection: paths.introspection,
      revocation: paths.revocation,
      jwks: paths.jwks,
      end_session: paths.signOut,
    },
    interactions: {
      policy: buildInteractionPolicy(options),
      url: (_context, { uid }) => `${issuerPath(settings.issuer)}${paths.interaction}/${uid}`,
    },
    ttl: {
      AccessToken: tokens.accessTokenSeconds,
      ClientCredentials: tokens.accessTokenSeconds,
      IdToken: tokens.idTokenSeconds,
      AuthorizationCode: tokens.authorizationCodeSeconds,
      DeviceCode: deviceCodeSeconds,
      Interaction: interactionSeconds,
      Grant: grantSeconds(settings),
      RefreshToken: (_context, token) =>
        refreshTokenSeconds(tokens, { firstIssuedAt: token.iiat ?? now(), now: now() }),
      Session: (_context, { loginTs }) => sessionSeconds(session, { signedInAt: loginTs, now: now() }),
    },
    rotateRefreshToken: true,
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
    // A family ends with its session by revocation (session-families.ts). The library's way would read the session at each
    // refresh, and end the tokens of one tab when another one signs in.
    expiresWithSession: async () => false,
    extraTokenClaims: async (_context, token) => buildTokenLinks(token, options.clientEpoch),
    clientBasedCORS: (context, origin, client) => {
      // Whoever has a token may read what it opens, from anywhere: no cookie counts there.
      if (context.oidc.route === 'userinfo') return true;
      const registration = findClient(client.clientId);
      return (
        registration?.tokenEndpointAuthMethod === 'none' &&
        registration.redirectUris.some((uri) => URL.parse(uri)?.origin === origin && origin !== 'null')
      );
    },
    findAccount: async (_context, id) => {
      const account = await findAccount(id);
      return account && { accountId: account.id, claims: async () => buildClaims(account) };
    },
    renderError: pages.renderError,
    features: {
      devInteractions: { enabled: false },
      dPoP: {
        enabled: true,
        nonceSecret: deriveNonceSecret(cookieKeys),
        // A nonce bounds the age of a proof by our clock; without one the client's would decide.
        requireNonce: () => true,
      },
      mTLS: certificateFeatures,
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true },
      jwtResponseModes: { enabled: true },
      deviceFlow: {
        enabled: true,
        charset: 'base-20',
        mask: '****-****',
        // Nobody is shown where a device stands, so nothing of it is kept.
        deviceInfo: () => ({}),
        userCodeInputSource: devicePages.renderInput,
        userCodeConfirmSource: devicePages.renderConfirmation,
        successSource: devicePages.renderDone,
      },
      claimsParameter: { enabled: true, assertClaimsParameter: assertReachable },
      clientCredentials: { enabled: true },
      userinfo: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (_context, client, token) => mayIntrospect(findClient(client.clientId), ownershipOf(token)),
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_context, client, token) => {
          assertMayRevoke(client.clientId, ownershipOf(token));
          return true;
        },
      },
      backchannelLogout: { enabled: true },
      resourceIndicators: buildResourceIndicators(options),
      externalSigningSupport: { enabled: true, ack: 'experimental-01' },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: pages.renderSignOut,
        postLogoutSuccessSource: pages.renderSignedOut,
      },
    },
  };
};
