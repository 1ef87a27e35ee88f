import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as client from 'openid-client';
import { app, shop, shopSecret } from '../../auth/testing/auth-fixture.ts';
import type { Browser } from '../../auth/testing/browser.ts';
import { ada, discover, signIn, startAuthorization } from '../../auth/testing/relying-party.ts';
import { type ClientRegistration, deviceCodeGrantType } from '../../shared/contracts/client-registration.ts';
import type { SingleUse, UseOutcome } from '../model/single-use.ts';
import type { Stage } from '../stage.ts';
import { askPatiently } from './ending.ts';
import { parameters } from './family-client.ts';

type Ground = Pick<Stage, 'send' | 'browser'> & { readonly issuer: string };
/** Uses the thing once; may be called many times at once. */
type Use = () => Promise<UseOutcome>;

/** How many use it at once. */
const width = 8;

export const television: ClientRegistration = {
  ...app,
  clientId: 'television',
  grantTypes: [deviceCodeGrantType, 'refresh_token'],
  redirectUris: [],
};

const basic = `Basic ${Buffer.from(`${shop.clientId}:${shopSecret}`).toString('base64')}`;

const requestToken = async (
  { issuer, send }: Ground,
  form: Record<string, string>,
  headers: Record<string, string> = {},
) => {
  const answer = await send(new URL('/oauth2/token', issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
  });
  return { status: answer.status, nonce: answer.headers.get('dpop-nonce'), body: await answer.text() };
};

/** @throws for an answer that nobody should ever get */
const outcomeOf = ({ status, body }: { status: number; body: string }): UseOutcome => {
  if (status === 200) return 'won';
  if (status === 502 || status === 503) return 'unknown';
  if (status === 400 && body.includes('"invalid_grant"')) return 'refused';
  throw new Error(`answered ${status} ${body}`);
};

/** A client's own token, bound to a key that one proof shows. */
const prepareProof = async (ground: Ground): Promise<Use> => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  const sign = (nonce?: string) =>
    new SignJWT({
      htm: 'POST',
      htu: `${ground.issuer}/oauth2/token`,
      jti: crypto.randomUUID(),
      ...(nonce && { nonce }),
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(privateKey);
  const form = { grant_type: 'client_credentials' };
  const ask = async (dpop: string) => requestToken(ground, form, { authorization: basic, dpop });
  const nonce = await askPatiently(async () => (await ask(await sign())).nonce ?? undefined);
  const proof = await sign(nonce);
  return async () => outcomeOf(await ask(proof));
};

/** The code of a device that a person has said yes to. */
const prepareDeviceCode = async (ground: Ground, browser: Browser): Promise<Use> => {
  const configuration = await discover(ground.send, television);
  const device = await client.initiateDeviceAuthorization(configuration, { scope: 'openid email' });
  const typed = await browser.submit(await browser.open(device.verification_uri), { user_code: device.user_code });
  const agreed = await browser.submit(typed, { confirm: 'yes' });
  const done = agreed.html.includes('type="password"') ? await browser.submit(agreed, ada) : agreed;
  if (!done.html.includes('connected')) throw new Error(`not connected: ${done.status}`);
  const form = {
    grant_type: deviceCodeGrantType,
    device_code: device.device_code,
    client_id: television.clientId,
  };
  return async () => outcomeOf(await requestToken(ground, form));
};

/** A request that was pushed by a client of somebody who is signed in. */
const preparePushedRequest = async (ground: Ground, browser: Browser): Promise<Use> => {
  const configuration = await discover(ground.send, shop, shopSecret);
  await signIn(browser, configuration, { parameters });
  const { url } = await startAuthorization(configuration, { ...parameters, prompt: 'none' });
  const pushed = await client.buildAuthorizationUrlWithPAR(configuration, Object.fromEntries(url.searchParams));
  return async () => {
    const page = await browser.open(pushed);
    if (page.url.searchParams.has('code')) return 'won';
    if (page.status === 502 || page.status === 503) return 'unknown';
    if (page.url.searchParams.get('error') === 'temporarily_unavailable') return 'unknown';
    return 'refused';
  };
};

const prepare: Readonly<Record<SingleUse, (ground: Ground, browser: Browser) => Promise<Use>>> = {
  proof: prepareProof,
  device_code: prepareDeviceCode,
  pushed_request: preparePushedRequest,
};

/** What a lost connection looks like: a TypeError of undici's with the cause in it. */
const isNoAnswer = (error: unknown): boolean => error instanceof TypeError && error.cause !== undefined;

/** Many use one thing at once, and one more after them. */
export const runSingleUseRace = async (ground: Ground, what: SingleUse): Promise<UseOutcome[]> => {
  const use = await askPatiently(() => prepare[what](ground, ground.browser()));
  const useOnce = (): Promise<UseOutcome> =>
    use().catch((error: unknown) => {
      if (isNoAnswer(error)) return 'unknown' as const;
      throw error;
    });
  const atOnce = await Promise.all(Array.from({ length: width }, useOnce));
  return [...atOnce, await useOnce()];
};
