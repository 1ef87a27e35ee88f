import { importPKCS8, SignJWT } from 'jose';
import type { ISecret } from 'kubernetes-models/v1';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseKeyring, privateKeyEntry } from '../../operator/keys/signing-keyring.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { createBrowser } from '../../services/auth/testing/browser.ts';
import { demo, readBinding } from '../installation/demo-installation.ts';
import type { IssuerConnection } from '../installation/issuer-connection.ts';
import { openCluster, resources } from '../installation/kubernetes.ts';
import { type Application, discover, signUpAndIn, startAuthorization } from '../installation/relying-party.ts';
import { callServiceA, newPerson, openApplication } from './application.ts';

let client: KubernetesClient;
let connection: IssuerConnection;
let application: Application;
let configuration: oidc.Configuration;
let accessToken: string;

const ada = newPerson('Ada');

beforeAll(async () => {
  client = openCluster(inject('environment').kubeconfigPath);
  ({ application, connection } = await openApplication(client));
  configuration = await discover(connection, application);
  accessToken = (await signUpAndIn(connection, configuration, application, ada)).access_token;
});
afterAll(async () => {
  await connection?.close();
  await client?.close();
});

/** A token as auth would sign it, with the tenant's own key. */
const signAccessToken = async (claims: Record<string, unknown>, expiresAt: number): Promise<string> => {
  const secret = await client.get<LiveObject & ISecret>({
    resource: resources.secrets,
    namespace: demo.namespace,
    name: `${demo.tenant}-signing-keys`,
  });
  const entries = Object.fromEntries(
    Object.entries(secret?.data ?? {}).map(([entry, value]) => [entry, Buffer.from(value, 'base64').toString()]),
  );
  const key = parseKeyring(entries)?.keys[0];
  if (key === undefined) throw new Error('no key');
  const privateKey = await importPKCS8(entries[privateKeyEntry(key.kid)] ?? '', key.algorithm);
  return new SignJWT({ client_id: 'demo-app', scope: 'openid', ...claims })
    .setProtectedHeader({ alg: key.algorithm, kid: key.kid, typ: 'at+jwt' })
    .setIssuer(demo.issuer)
    .setSubject('somebody')
    .setJti(crypto.randomUUID())
    .setIssuedAt(expiresAt - 600)
    .setExpirationTime(expiresAt)
    .sign(privateKey);
};

const inTenMinutes = () => Math.floor(Date.now() / 1_000) + 600;

describe('at the gateway', () => {
  it('a good token is accepted (so the refusals below mean something)', async () => {
    expect((await callServiceA(connection, accessToken)).status).toBe(200);
    expect((await callServiceA(connection, await signAccessToken({ aud: demo.audience }, inTenMinutes()))).status).toBe(
      200,
    );
  });

  const tamper = (token: string): string => {
    const [header, payload = '', signature] = token.split('.');
    const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), sub: 'somebody-else' };
    return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
  };
  const unsigned = (token: string): string => {
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
    return `${header}.${token.split('.')[1]}.`;
  };

  it.each([
    ['none', async () => undefined],
    ['an expired one', () => signAccessToken({ aud: demo.audience }, Math.floor(Date.now() / 1_000) - 3_600)],
    ['a tampered one', async () => tamper(accessToken)],
    ['an unsigned one', async () => unsigned(accessToken)],
    ['one for another audience', () => signAccessToken({ aud: 'https://other.example' }, inTenMinutes())],
    [
      'one bound to a key that the caller does not prove',
      () => signAccessToken({ aud: demo.audience, cnf: { jkt: 'x' } }, inTenMinutes()),
    ],
    ['what is no token', async () => 'not-a-token'],
  ])('a request with %s is answered by 401 and a challenge (RFC 6750)', async (_what, token) => {
    const answer = await callServiceA(connection, await token());
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it.each([
    'x-identity-subject',
    'X-Identity-Subject',
    'x_identity_subject',
    'X-IDENTITY-SUBJECT',
    'x-identity_subject',
  ])('an identity header sent by the client as %s never reaches a service', async (name) => {
    const answer = await callServiceA(connection, accessToken, { [name]: 'mallory' });
    expect(answer.status).toBe(200);
    const body = await answer.text();
    expect(body).not.toContain('mallory');
    expect(JSON.parse(body)).toMatchObject({
      identityHeaders: { 'x-identity-subject': expect.not.stringContaining('mallory') },
    });
  });

  it.each(['/nowhere', '/ab', '/internal/state', '/A'])('%s, which no route takes, is 404', async (path) => {
    expect(
      (await connection.fetch(`${demo.issuer}${path}`, { headers: { authorization: `Bearer ${accessToken}` } })).status,
    ).toBe(404);
  });
});

describe('at auth', () => {
  const browse = () =>
    createBrowser(demo.issuer, (url, init) => connection.fetch(url, { ...init, redirect: 'manual' }));

  it('a wrong password and an unknown address get the same page', async () => {
    const pages = [];
    for (const email of [ada.email, 'nobody@example.test']) {
      const browser = browse();
      const { url } = await startAuthorization(configuration, application.redirectUri, 'openid');
      const page = await browser.submit(await browser.open(url), { email, password: 'a password that nobody has' });
      expect(page.url.origin).toBe(demo.issuer);
      pages.push({ status: page.status, alert: /role="alert"[^>]*>([\s\S]*?)</.exec(page.html)?.[1] });
    }
    expect(pages[0]?.alert).toBeTruthy();
    expect(pages[1]).toEqual(pages[0]);
  });

  it('an unknown client is told so on a page, and sent nowhere', async () => {
    const { url } = await startAuthorization(configuration, application.redirectUri, 'openid');
    url.searchParams.set('client_id', 'stranger');
    const page = await browse().open(url);
    expect(page.status).toBe(400);
    expect(page.url.origin).toBe(demo.issuer);
    expect(page.html).not.toMatch(/at .*\.m?js:\d+/);
  });

  it.each([
    'https://evil.example/callback',
    'http://127.0.0.1:8765/callback/../evil',
    'http://127.0.0.1:8765/callback?x=1',
  ])('the redirect URI %s, which is not registered, is never followed', async (uri) => {
    const { url } = await startAuthorization(configuration, uri, 'openid');
    const page = await browse().open(url);
    expect(page.status).toBe(400);
    expect(page.url.origin).toBe(demo.issuer);
  });

  it('an authorization request without PKCE is refused', async () => {
    const { url } = await startAuthorization(configuration, application.redirectUri, 'openid');
    url.searchParams.delete('code_challenge');
    url.searchParams.delete('code_challenge_method');
    const page = await browse().open(url);
    expect(page.url.searchParams.get('error')).toBe('invalid_request');
  });

  it('a wrong client secret is refused', async () => {
    const wrong = await discover(connection, { ...application, clientSecret: 'wrong' });
    await expect(oidc.refreshTokenGrant(wrong, 'x')).rejects.toMatchObject({
      status: 401,
      cause: [{ parameters: { error: 'invalid_client' } }],
    });
  });

  it('a refresh token that was used already ends its family', async () => {
    const tokens = await signUpAndIn(connection, configuration, application, newPerson('Grace'));
    const next = await oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    // Once its successor is in use: before, it may be that the answer did not come.
    const last = await oidc.refreshTokenGrant(configuration, next.refresh_token ?? '');
    await expect(oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await expect(oidc.refreshTokenGrant(configuration, last.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
});

it('a machine gets a token in its own name by its secret', async () => {
  const job = { ...(await readBinding(client, 'demo-job-oidc')), redirectUri: '' };
  const tokens = await oidc.clientCredentialsGrant(await discover(connection, job), { resource: demo.audience });
  const answer = await callServiceA(connection, tokens.access_token);
  expect(await answer.json()).toMatchObject({ service: 'a', subject: 'demo-job', next: { next: { service: 'c' } } });
});
