import { readFile } from 'node:fs/promises';
import * as client from 'openid-client';
import { Agent, fetch, type RequestInit } from 'undici';
import { z } from 'zod';
import { createBrowser, type Page } from '../../services/auth/testing/browser.ts';

/** `running.json`: what an application has to know of a running `make dev`. */
const runningSchema = z.object({
  pid: z.int(),
  issuer: z.url(),
  caFile: z.string(),
  application: z.object({ clientId: z.string(), redirectUri: z.url() }).optional(),
});
export type Running = z.infer<typeof runningSchema>;

/** What `make dev` left for applications; undefined when there is nothing of use. */
export const readRunning = async (file: string): Promise<Running | undefined> => {
  try {
    return runningSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
};

/** A public client with PKCE, over TLS that trusts the CA of `make dev`. */
export type RelyingParty = {
  readonly issuer: string;
  readonly redirectUri: string;
  readonly configuration: client.Configuration;
  fetch(url: URL | string, init?: RequestInit): ReturnType<typeof fetch>;
  close(): Promise<void>;
};

export type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;
export type Checks = { readonly pkceCodeVerifier: string; readonly expectedState: string };
export type Person = { readonly email: string; readonly password: string; readonly name: string };

/** Configures an application by discovery. */
export const connectRelyingParty = async ({
  issuer,
  caFile,
  clientId,
  redirectUri,
}: Pick<Running, 'issuer' | 'caFile'> & NonNullable<Running['application']>): Promise<RelyingParty> => {
  const dispatcher = new Agent({ connect: { ca: await readFile(caFile, 'utf8') } });
  const send: RelyingParty['fetch'] = (url, init = {}) => fetch(url, { ...init, dispatcher });
  const configuration = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
    // `as`: openid-client's types are those of the global fetch, ours are undici's of the same standard.
    [client.customFetch]: (url, init) => send(url, init as RequestInit) as unknown as Promise<Response>,
  });
  return { issuer, redirectUri, configuration, fetch: send, close: () => dispatcher.close() };
};

/** Where to send the browser, and what its return is checked with. */
export const startSignIn = async ({
  configuration,
  redirectUri,
}: RelyingParty): Promise<{ url: URL; checks: Checks }> => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: 'openid email profile offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
  });
  return { url, checks: { pkceCodeVerifier, expectedState } };
};

/** Exchanges the code that the browser came back with. */
export const finishSignIn = ({ configuration }: RelyingParty, callback: URL, checks: Checks): Promise<Tokens> =>
  client.authorizationCodeGrant(configuration, callback, { ...checks, idTokenExpected: true });

/** What service A answers to the user's token, by the gateway's route `/a`. */
export const callServiceA = async ({ fetch: send, issuer }: RelyingParty, accessToken: string): Promise<unknown> => {
  const answer = await send(`${issuer}/a`, { headers: { authorization: `Bearer ${accessToken}` } });
  return answer.json();
};

const findRegistration = (page: Page): URL => {
  const [, link] = /href="([^"]+\/register)"/.exec(page.html) ?? [];
  if (link === undefined) throw new Error(`${page.url.pathname} (status ${page.status}) offers no registration`);
  return new URL(link, page.url);
};

/** A new person signs up and in by the pages, as with a browser without script. */
export const signUpAndIn = async (party: RelyingParty, person: Person): Promise<Tokens> => {
  const browser = createBrowser(party.issuer, (url, init) => party.fetch(url, { ...init, redirect: 'manual' }));
  const { url, checks } = await startSignIn(party);
  const registration = await browser.open(findRegistration(await browser.open(url)));
  const signInPage = await browser.submit(registration, person);
  const callback = await browser.submit(signInPage, { email: person.email, password: person.password });
  if (callback.url.origin !== new URL(party.redirectUri).origin) {
    throw new Error(`the sign-in ended at ${callback.url.pathname} (status ${callback.status})`);
  }
  return finishSignIn(party, callback.url, checks);
};
