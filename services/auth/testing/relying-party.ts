import * as client from 'openid-client';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { issuer } from './auth-fixture.ts';
import type { Browser, Page, Send } from './browser.ts';

export const ada = { email: 'ada@example.test', password: 'analytical engine no. 1', name: 'Ada Lovelace' };

const buildClientAuth = (
  method: ClientRegistration['tokenEndpointAuthMethod'],
  credential: string | client.ClientAuth | undefined,
): client.ClientAuth => {
  if (typeof credential === 'function') return credential;
  return method === 'none' ? client.None() : client.ClientSecretBasic(credential ?? '');
};

/** An application: openid-client 6 with the client's credentials, through the gateway's role. */
export const discover = (
  send: Send,
  { clientId, tokenEndpointAuthMethod }: Pick<ClientRegistration, 'clientId' | 'tokenEndpointAuthMethod'>,
  credential?: string | client.ClientAuth,
): Promise<client.Configuration> =>
  client.discovery(new URL(issuer), clientId, undefined, buildClientAuth(tokenEndpointAuthMethod, credential), {
    // openid-client's fetch is the global one; ours is undici's, of the same standard.
    [client.customFetch]: (url, init) =>
      send(new URL(url), init as Parameters<Send>[1]) as unknown as Promise<Response>,
  });

/** An authorization request with PKCE, and what its answer is checked with. */
export const startAuthorization = async (
  configuration: client.Configuration,
  parameters: Record<string, string>,
): Promise<{ url: URL; checks: client.AuthorizationCodeGrantChecks & { pkceCodeVerifier: string } }> => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(configuration, {
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  });
  return { url, checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } };
};

/** Registers by the page, from a sign-in page; ends at the sign-in page again. */
export const register = async (
  browser: Browser,
  signInPage: Page,
  person: { email: string; password: string; name: string },
): Promise<Page> => {
  const [, link = ''] = /href="([^"]+\/register)"/.exec(signInPage.html) ?? [];
  const page = await browser.open(new URL(link, signInPage.url));
  return browser.submit(page, person);
};

/** Tokens for a person with an account, by the pages. */
export const signIn = async (
  browser: Browser,
  configuration: client.Configuration,
  { parameters, person = ada }: { parameters: Record<string, string>; person?: { email: string; password: string } },
): Promise<{ callback: URL; checks: Awaited<ReturnType<typeof startAuthorization>>['checks'] }> => {
  const { url, checks } = await startAuthorization(configuration, parameters);
  const page = await browser.open(url);
  const callback = page.forms.length === 0 ? page : await browser.submit(page, person);
  return { callback: callback.url, checks };
};
