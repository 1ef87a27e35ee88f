import * as client from 'openid-client';
import { z } from 'zod';
import type { IssuerFetch } from './issuer-connection.ts';

/** What an application knows of itself: what it was registered as, and where it wants the browser back. */
export type ApplicationRegistration = {
  readonly issuer: string;
  readonly clientId: string;
  /** A confidential client's; a public client has none. */
  readonly clientSecret?: string | undefined;
  readonly redirectUri: string;
  readonly postLogoutRedirectUri?: string | undefined;
};

/** An application that has found its issuer. */
export type RelyingParty = Omit<ApplicationRegistration, 'clientSecret'> & {
  readonly configuration: client.Configuration;
  readonly fetch: IssuerFetch;
};

export type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

/** What the return of the browser is checked with; belongs to the session of the browser that was sent away. */
export type SignInChecks = {
  readonly pkceCodeVerifier: string;
  readonly expectedState: string;
  readonly expectedNonce: string;
};

const defaultScope = 'openid email profile offline_access';

/**
 * Configures an application by discovery.
 * @throws when the issuer does not answer, or says that it is another one
 */
export const connectRelyingParty = async (
  { clientSecret, ...registration }: ApplicationRegistration,
  send: IssuerFetch,
): Promise<RelyingParty> => {
  const authentication = clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret);
  const configuration = await client.discovery(
    new URL(registration.issuer),
    registration.clientId,
    undefined,
    authentication,
    {
      // `as`: openid-client's types are those of the global fetch, ours are undici's of the same standard.
      [client.customFetch]: (url, init) =>
        send(url, init as Parameters<IssuerFetch>[1]) as unknown as Promise<Response>,
    },
  );
  return { ...registration, configuration, fetch: send };
};

/** Where to send the browser, and what its return is checked with. */
export const startSignIn = async (
  { configuration, redirectUri }: Pick<RelyingParty, 'configuration' | 'redirectUri'>,
  scope: string = defaultScope,
): Promise<{ url: URL; checks: SignInChecks }> => {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
  };
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
  });
  return { url, checks };
};

/**
 * Exchanges the code that the browser came back with.
 * @throws when the answer is an error, or not the one to this sign-in
 */
export const finishSignIn = ({ configuration }: RelyingParty, callback: URL, checks: SignInChecks): Promise<Tokens> =>
  client.authorizationCodeGrant(configuration, callback, { ...checks, idTokenExpected: true });

/**
 * New tokens for a refresh token, which is used up by it.
 * @throws when the session has ended at the issuer
 */
export const refreshTokens = ({ configuration }: RelyingParty, refreshToken: string): Promise<Tokens> =>
  client.refreshTokenGrant(configuration, refreshToken);

/** Where to send the browser to end the session at the issuer too (RP-initiated logout). */
export const buildSignOutUrl = (
  { configuration, postLogoutRedirectUri }: RelyingParty,
  idToken: string | undefined,
): URL =>
  client.buildEndSessionUrl(configuration, {
    ...(idToken !== undefined && { id_token_hint: idToken }),
    ...(postLogoutRedirectUri !== undefined && { post_logout_redirect_uri: postLogoutRedirectUri }),
  });

const serviceAnswerSchema = z.object({
  service: z.string(),
  /** Whom the service found in the token that it verified. */
  subject: z.string().optional(),
  get next() {
    return serviceAnswerSchema.optional();
  },
});
/** What `examples/service` answers: its own findings, and those of the service that it called. */
export type ServiceAnswer = z.infer<typeof serviceAnswerSchema>;

/**
 * What service A answers to the user's token, by the gateway's route `/a`.
 * @throws when it is not 200
 */
export const callServiceA = async (
  { fetch: send, issuer }: Pick<RelyingParty, 'fetch' | 'issuer'>,
  accessToken: string,
): Promise<ServiceAnswer> => {
  const answer = await send(`${issuer}/a`, { headers: { authorization: `Bearer ${accessToken}` } });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`GET /a answered ${answer.status}: ${text.slice(0, 300)}`);
  return serviceAnswerSchema.parse(JSON.parse(text));
};

/** The services that took part, in their order. */
export const listServices = ({ next, ...answer }: ServiceAnswer): Pick<ServiceAnswer, 'service' | 'subject'>[] => [
  answer,
  ...(next === undefined ? [] : listServices(next)),
];
