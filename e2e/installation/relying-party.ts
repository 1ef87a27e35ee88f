import * as client from 'openid-client';
import { createBrowser, type Page } from '../../services/auth/testing/browser.ts';
import type { IssuerConnection } from './issuer-connection.ts';

/** What an application knows of itself: its Secret, and where it wants the browser back. */
export type Application = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
};

export type Person = { readonly email: string; readonly password: string; readonly name: string };

/** openid-client configured by discovery, over the forwarder. */
export const discover = (connection: IssuerConnection, application: Application): Promise<client.Configuration> =>
  client.discovery(
    new URL(application.issuer),
    application.clientId,
    undefined,
    client.ClientSecretBasic(application.clientSecret),
    {
      // openid-client's fetch is the global one; ours is undici's, of the same standard.
      [client.customFetch]: (url, init) =>
        connection.fetch(url, init as Parameters<IssuerConnection['fetch']>[1]) as unknown as Promise<Response>,
    },
  );

/** An authorization request with PKCE, and what its answer is checked with. */
export const startAuthorization = async (configuration: client.Configuration, redirectUri: string, scope: string) => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
  });
  return { url, checks: { pkceCodeVerifier, expectedState, idTokenExpected: true } };
};

const followLink = (page: Page, pattern: RegExp): URL => {
  const [, link] = pattern.exec(page.html) ?? [];
  if (link === undefined) throw new Error(`no link ${pattern} on ${page.url.pathname} (status ${page.status})`);
  return new URL(link, page.url);
};

/** Signs a new person up and in by the pages, as a browser without script would, and exchanges the code. */
export const signUpAndIn = async (
  connection: IssuerConnection,
  configuration: client.Configuration,
  { issuer, redirectUri }: Application,
  person: Person,
): Promise<client.TokenEndpointResponse & client.TokenEndpointResponseHelpers> => {
  const browser = createBrowser(issuer, (url, init) => connection.fetch(url, { ...init, redirect: 'manual' }));
  const { url, checks } = await startAuthorization(configuration, redirectUri, 'openid email profile offline_access');
  const signInPage = await browser.open(url);
  const registerPage = await browser.open(followLink(signInPage, /href="([^"]+\/register)"/));
  const registered = await browser.submit(registerPage, person);
  const callback = await browser.submit(registered, { email: person.email, password: person.password });
  if (callback.url.origin !== new URL(redirectUri).origin) {
    throw new Error(
      `the sign-in ended at ${callback.url.pathname} (status ${callback.status}) instead of the application`,
    );
  }
  return client.authorizationCodeGrant(configuration, callback.url, checks);
};
