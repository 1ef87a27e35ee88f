import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import * as client from 'openid-client';
import { app, issuer, putClient, shop, shopSecret } from '../auth/testing/auth-fixture.ts';
import type { Browser, Page } from '../auth/testing/browser.ts';
import { ada, discover, register, signIn, startAuthorization } from '../auth/testing/relying-party.ts';
import { type ClientRegistration, deviceCodeGrantType } from '../shared/contracts/client-registration.ts';
import { createCertificateAuthority } from '../shared/testing/certificate-authority.ts';
import { eventually } from '../shared/testing/condition.ts';
import type { TestMailServer } from '../shared/testing/mail-server.ts';
import type { GatewayAndAuth } from '../testing/gateway-and-auth.ts';
import { basicOf } from './http-request.ts';

/** A form that somebody was shown. */
export type OpenForm = { path: string; cookie: string; csrf: string };

/** What there is before bad requests are sent: things that are alive, used, of others, and keys to sign wrong ones. */
export type Scene = {
  /** The sign-in form of a browser, one of another browser, and that of the device page. */
  form: OpenForm;
  otherForm: OpenForm;
  deviceForm: OpenForm;
  /** Of Ada's account page. */
  accountForm: OpenForm;
  /** Each was used once, by whom it was for. */
  used: {
    code: string;
    verifier: string;
    refreshToken: string;
    requestUri: string;
    proof: string;
    deviceCode: string;
    userCode: string;
    /** Of the mail that asked Ada to confirm her address. */
    linkToken: string;
  };
  /** Of Ada at the client `shop`: alive, and not to be used up. */
  accessToken: string;
  idToken: string;
  /** A refresh token of the public client `app`, alive. */
  appRefreshToken: string;
  /** Pushed by `shop`, never used. */
  requestUri: string;
  /** Of the client `television`, nobody has agreed to it. */
  pending: { deviceCode: string; userCode: string };
  /** A cookie header of Ada's session. */
  session: string;
  /** A DPoP proof for the token endpoint; members that are `undefined` are left out. */
  prove(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** A request object of the client `signing`. */
  signRequest(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** By auth's own key. */
  signAsIssuer(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** Base64 of the certificate that the client `certified` is known by. */
  certificate: string;
  secrets: readonly string[];
};

const signing: ClientRegistration = { ...shop, clientId: 'signing' };
const television: ClientRegistration = {
  ...app,
  clientId: 'television',
  grantTypes: [deviceCodeGrantType, 'refresh_token'],
  redirectUris: [],
};

const certified: ClientRegistration = {
  ...shop,
  clientId: 'certified',
  tokenEndpointAuthMethod: 'tls_client_auth',
  tlsClientAuth: { sanDns: 'certified.example' },
  secretHashes: [],
};

const issueCertificate = async (): Promise<string> => {
  const authority = await createCertificateAuthority();
  const { cert } = await authority.issueClient({
    subject: 'CN=certified',
    names: [{ type: 'dns', value: 'certified.example' }],
  });
  return new X509Certificate(cert).raw.toString('base64');
};

const openForm = (browser: Browser, page: Page, field: string): OpenForm => ({
  path: page.url.pathname,
  cookie: browser
    .cookies()
    .filter(({ path }) => page.url.pathname.startsWith(path))
    .map(({ name, value }) => `${name}=${value}`)
    .join('; '),
  csrf: page.forms[0]?.fields[field] ?? '',
});

const sign = (
  claims: Record<string, unknown>,
  header: JWTHeaderParameters,
  key: Parameters<SignJWT['sign']>[0],
): Promise<string> => new SignJWT(claims).setProtectedHeader(header).sign(key);

/** Epoch seconds. */
const now = (): number => Math.floor(Date.now() / 1_000);

/** Registers clients and Ada, and leads her through each flow once. */
export const prepareScene = async (
  { fixture, auth }: GatewayAndAuth,
  { received }: Pick<TestMailServer, 'received'>,
): Promise<Scene> => {
  const services = () => [auth];
  const send = fixture.send('gateway', services);
  const operator = fixture.send('operator', services);
  const requestKeys = await generateKeyPair('ES256');
  const jwks = { keys: [{ ...(await exportJWK(requestKeys.publicKey)), kty: 'EC', alg: 'ES256', use: 'sig' }] };
  for (const one of [shop, app, television, certified, { ...signing, jwks }]) await putClient(operator, one);
  const asShop = await discover(send, shop, shopSecret);
  const asApp = await discover(send, app);
  const asTelevision = await discover(send, television);

  const shopRequest = { redirect_uri: 'https://shop.example/callback', scope: 'openid email offline_access' };
  const browser = fixture.browser(services);
  const first = await startAuthorization(asShop, { ...shopRequest, prompt: 'consent' });
  const signInPage = await register(browser, await browser.open(first.url), ada);
  await eventually(() => received.length > 0);
  const confirmation = new URL(received[0]?.link ?? '');
  await browser.submit(await browser.open(confirmation), { password: ada.password });
  await browser.submit(signInPage, ada);

  /** By the session that there is. */
  const authorize = async (configuration: client.Configuration, parameters: Record<string, string>) => {
    const { url, checks } = await startAuthorization(configuration, parameters);
    const { url: callback } = await browser.open(url);
    return { callback, checks, tokens: await client.authorizationCodeGrant(configuration, callback, checks) };
  };
  const withCode = await authorize(asShop, { ...shopRequest, prompt: 'consent' });
  const rotated = await authorize(asShop, { ...shopRequest, prompt: 'consent' });
  await client.refreshTokenGrant(asShop, rotated.tokens.refresh_token ?? '');
  const ofApp = await authorize(asApp, { redirect_uri: 'https://app.example/callback', scope: 'openid' });
  // A sign-in of its own: replays end the families of the one before.
  const calm = await signIn(fixture.browser(services), asShop, { parameters: shopRequest });
  const live = await client.authorizationCodeGrant(asShop, calm.callback, calm.checks);

  const push = async () => {
    const { url } = await startAuthorization(asShop, { ...shopRequest, prompt: 'consent' });
    return client.buildAuthorizationUrlWithPAR(asShop, Object.fromEntries(url.searchParams));
  };
  const pushed = await push();
  await browser.open(pushed);

  const askForDevice = () => client.initiateDeviceAuthorization(asTelevision, { scope: 'openid' });
  const device = await askForDevice();
  const codePage = await browser.open(device.verification_uri);
  const confirm = await browser.submit(codePage, { user_code: device.user_code });
  await browser.submit(confirm, { confirm: 'yes' });
  await client.pollDeviceAuthorizationGrant(asTelevision, { ...device, interval: 0.05 });
  const pending = await askForDevice();

  const proofKeys = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(proofKeys.publicKey);
  const postProof = (proof: string) =>
    send(new URL('/oauth2/token', issuer), {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: basicOf(`shop:${shopSecret}`).replace('Authorization: ', ''),
        dpop: proof,
      },
      body: 'grant_type=client_credentials',
    });
  let nonce: string | null = null;
  const prove: Scene['prove'] = (claims = {}, header = {}) =>
    sign(
      { htm: 'POST', htu: `${issuer}/oauth2/token`, jti: randomUUID(), iat: now(), nonce, ...claims },
      { alg: 'ES256', typ: 'dpop+jwt', jwk, ...header },
      proofKeys.privateKey,
    );
  nonce = (await postProof(await prove({ nonce: undefined }))).headers.get('dpop-nonce');
  const usedProof = await prove();
  if ((await postProof(usedProof)).status !== 200) throw new Error('the DPoP proof was not taken');

  const signRequest: Scene['signRequest'] = (claims = {}, header = {}) =>
    sign(
      {
        ...{ iss: 'signing', aud: issuer, client_id: 'signing', exp: now() + 60, response_type: 'code' },
        ...{ ...shopRequest, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
        ...claims,
      },
      { alg: 'ES256', typ: 'oauth-authz-req+jwt', ...header },
      requestKeys.privateKey,
    );
  const [ownKey] = fixture.keys;
  if (ownKey === undefined) throw new Error('the fixture has no signing key');
  const signAsIssuer: Scene['signAsIssuer'] = (claims, header = {}) =>
    sign(claims, { alg: 'ES256', kid: ownKey.key.kid, ...header }, createPrivateKey(ownKey.pem));

  const stranger = fixture.browser(services);
  const strangerPage = await stranger.open((await startAuthorization(asShop, shopRequest)).url);
  const other = fixture.browser(services);
  const otherPage = await other.open((await startAuthorization(asShop, shopRequest)).url);
  const session = openForm(browser, codePage, 'xsrf');
  return {
    form: openForm(stranger, strangerPage, 'csrf'),
    otherForm: openForm(other, otherPage, 'csrf'),
    deviceForm: session,
    accountForm: openForm(browser, await browser.open(`${issuer}/oauth2/account`), 'csrf'),
    used: {
      code: withCode.callback.searchParams.get('code') ?? '',
      verifier: withCode.checks.pkceCodeVerifier,
      refreshToken: rotated.tokens.refresh_token ?? '',
      requestUri: pushed.searchParams.get('request_uri') ?? '',
      proof: usedProof,
      deviceCode: device.device_code,
      userCode: device.user_code,
      linkToken: confirmation.searchParams.get('token') ?? '',
    },
    accessToken: live.access_token,
    idToken: live.id_token ?? '',
    appRefreshToken: ofApp.tokens.refresh_token ?? '',
    requestUri: (await push()).searchParams.get('request_uri') ?? '',
    pending: { deviceCode: pending.device_code, userCode: pending.user_code },
    session: session.cookie,
    prove,
    signRequest,
    signAsIssuer,
    certificate: await issueCertificate(),
    secrets: [shopSecret, ada.password, live.access_token, live.refresh_token ?? '', ownKey.pem.slice(40, 80)],
  };
};
