import { X509Certificate } from 'node:crypto';
import { decodeJwt, exportJWK, importX509 } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issuer, shop } from '../auth/testing/auth-fixture.ts';
import type { Send } from '../auth/testing/browser.ts';
import { ada, register, signIn, startAuthorization } from '../auth/testing/relying-party.ts';
import { type ClientRegistration, deviceCodeGrantType } from '../shared/contracts/client-registration.ts';
import {
  type CertificateAuthority,
  type ClientName,
  createCertificateAuthority,
  issueSelfSigned,
} from '../shared/testing/certificate-authority.ts';
import { eventually } from '../shared/testing/condition.ts';
import {
  type CertificateStage,
  type ClientMaterial,
  certificateOrigin,
  startCertificateStage,
  thumbprintOf,
} from './certificate-stage.ts';

const machineName: ClientName = {
  subject: 'C=DE, O=Shop, CN=machine',
  names: [{ type: 'url', value: 'spiffe://shop/machine' }],
};
const machine: ClientRegistration = {
  ...shop,
  clientId: 'machine',
  tokenEndpointAuthMethod: 'tls_client_auth',
  tlsClientAuth: { sanUri: 'spiffe://shop/machine' },
  certificateBoundAccessTokens: true,
  secretHashes: [],
};
/** Known by its subject alone. */
const named: ClientRegistration = {
  ...machine,
  clientId: 'named',
  tlsClientAuth: { subjectDn: 'CN=machine,O=Shop,C=DE' },
};
const selfSigned: ClientRegistration = {
  ...shop,
  clientId: 'self-signed',
  tokenEndpointAuthMethod: 'self_signed_tls_client_auth',
  secretHashes: [],
};
const television: ClientRegistration = {
  ...machine,
  clientId: 'television',
  grantTypes: [deviceCodeGrantType, 'refresh_token'],
  redirectUris: [],
  postLogoutRedirectUris: [],
};
/** A public client whose tokens, refresh tokens among them, are bound. */
const bound: ClientRegistration = {
  ...machine,
  clientId: 'bound',
  grantTypes: ['authorization_code', 'refresh_token'],
  tokenEndpointAuthMethod: 'none',
  tlsClientAuth: undefined,
};

let authority: CertificateAuthority;
let stage: CertificateStage;
let right: ClientMaterial;
let own: ClientMaterial;

const discoverAs = (send: Send, clientId: string, authentication: client.ClientAuth = client.TlsClientAuth()) =>
  client.discovery(new URL(issuer), clientId, { use_mtls_endpoint_aliases: true }, authentication, {
    // undici's fetch, of the same standard as the global one.
    [client.customFetch]: (url, init) =>
      send(new URL(url), init as Parameters<Send>[1]) as unknown as Promise<Response>,
  });

const x5cOf = ({ cert }: ClientMaterial): string => new X509Certificate(cert).raw.toString('base64');

beforeAll(async () => {
  authority = await createCertificateAuthority();
  right = await authority.issueClient(machineName);
  own = await issueSelfSigned(machineName);
  stage = await startCertificateStage(authority);
  const key = await importX509(own.cert, 'ES256');
  const jwks = { keys: [{ ...(await exportJWK(key)), kty: 'EC', x5c: [x5cOf(own)] }] };
  for (const registration of [machine, named, bound, television, { ...selfSigned, jwks }])
    await stage.put(registration);
  const browser = stage.newBrowser();
  const { url } = await startAuthorization(await discoverAs(stage.sendAs(right), 'machine'), codeRequest);
  await register(browser, await browser.open(url), ada);
});
afterAll(() => stage?.stop());

const codeRequest = { redirect_uri: 'https://shop.example/callback', scope: 'openid email orders:read' };

/** Client credentials, by hand. */
const askToken = async (send: Send, clientId: string, origin = certificateOrigin, headers: [string, string][] = []) => {
  const response = await send(new URL('/oauth2/token', origin), {
    method: 'POST',
    headers: [['content-type', 'application/x-www-form-urlencoded'], ...headers],
    body: `grant_type=client_credentials&client_id=${clientId}&scope=orders:read`,
  });
  const body = (await response.json()) as { access_token?: string; error?: string };
  return { status: response.status, error: body.error, token: body.access_token ?? '' };
};
const refused = { status: 401, error: 'invalid_client' };

const callApi = async (send: Send, token: string, origin = certificateOrigin, headers: [string, string][] = []) => {
  const response = await send(new URL('/api/orders', origin), {
    headers: [['authorization', `Bearer ${token}`], ...headers],
  });
  return { status: response.status, challenge: response.headers.get('www-authenticate'), text: await response.text() };
};
const anotherCertificate = {
  status: 401,
  challenge: expect.stringContaining('error="invalid_token", error_description="The access token is bound to a cert'),
};

describe('a client that is known by its certificate (RFC 8705)', () => {
  it('finds in the discovery document where to call, and gets tokens that are bound', async () => {
    const configuration = await discoverAs(stage.sendAs(right), 'machine');
    expect(configuration.serverMetadata()).toMatchObject({
      tls_client_certificate_bound_access_tokens: true,
      token_endpoint: `${issuer}/oauth2/token`,
      mtls_endpoint_aliases: {
        token_endpoint: `${certificateOrigin}/oauth2/token`,
        userinfo_endpoint: `${certificateOrigin}/oauth2/userinfo`,
        introspection_endpoint: `${certificateOrigin}/oauth2/introspect`,
        revocation_endpoint: `${certificateOrigin}/oauth2/revoke`,
        pushed_authorization_request_endpoint: `${certificateOrigin}/oauth2/par`,
        device_authorization_endpoint: `${certificateOrigin}/oauth2/device-authorization`,
      },
    });
    expect(configuration.serverMetadata().token_endpoint_auth_methods_supported).toEqual(
      expect.arrayContaining(['tls_client_auth', 'self_signed_tls_client_auth']),
    );
    const tokens = await client.clientCredentialsGrant(configuration, { scope: 'orders:read' });
    const cnf = { 'x5t#S256': thumbprintOf(right) };
    expect(decodeJwt(tokens.access_token)['cnf']).toEqual(cnf);
    expect(await client.tokenIntrospection(configuration, tokens.access_token)).toMatchObject({ active: true, cnf });
  });

  it('is spoken to by oauth4webapi in the same way', async () => {
    const send = stage.sendAs(right);
    const http = {
      [oauth.customFetch]: (url: string, init: object) => send(new URL(url), init) as unknown as Promise<Response>,
    };
    const server = await oauth.processDiscoveryResponse(
      new URL(issuer),
      await oauth.discoveryRequest(new URL(issuer), http),
    );
    const named: oauth.Client = { client_id: 'named', use_mtls_endpoint_aliases: true };
    const answer = await oauth.clientCredentialsGrantRequest(server, named, oauth.TlsClientAuth(), {}, http);
    const tokens = await oauth.processClientCredentialsResponse(server, named, answer);
    expect(decodeJwt(tokens.access_token)['cnf']).toEqual({ 'x5t#S256': thumbprintOf(right) });
  });

  it('is nobody without it, or with another one', async () => {
    const elsewhere = await createCertificateAuthority();
    const wrong: [string, ClientMaterial | undefined][] = [
      ['none', undefined],
      ['of another name', await authority.issueClient({ ...machineName, subject: 'CN=other', names: [] })],
      ['that has ended', await authority.issueClient({ ...machineName, days: -1 })],
      ['of another CA', await elsewhere.issueClient(machineName)],
      ['of its own', own],
      [
        'of the other client',
        await authority.issueClient({ subject: 'CN=other', names: [{ type: 'dns', value: 'machine' }] }),
      ],
    ];
    for (const [name, material] of wrong) {
      const send = stage.sendAs(material);
      expect(await askToken(send, 'machine'), name).toMatchObject(refused);
      expect(await askToken(send, 'named'), name).toMatchObject(refused);
    }
    expect(await askToken(stage.sendAs(right), 'machine')).toMatchObject({ status: 200 });
    expect(await askToken(stage.sendAs(right), 'named')).toMatchObject({ status: 200 });
    // A certificate is no secret, and a secret no certificate.
    expect(await askToken(stage.sendAs(right), 'shop')).toMatchObject(refused);
  });

  it('cannot be played by whoever writes a header', async () => {
    const certificate = `:${x5cOf(right)}:;trusted`;
    const names = [
      'Client-Cert',
      'client_cert',
      'CLIENT.CERT',
      'X-Client-Cert',
      'X-Forwarded-Client-Cert',
      'Ssl-Client-Cert',
    ];
    for (const name of names) {
      const forged: [string, string][] = [
        [name, certificate],
        ['X-Forwarded-Host', new URL(certificateOrigin).host],
      ];
      for (const [origin, material] of [
        [issuer, undefined],
        [certificateOrigin, undefined],
        [certificateOrigin, own],
      ] as const) {
        expect(await askToken(stage.sendAs(material), 'machine', origin, forged), name).toMatchObject(refused);
      }
    }
    const twice: [string, string][] = [
      ['Client-Cert', certificate],
      ['Client-Cert', certificate],
    ];
    expect(await askToken(stage.sendAs(right), 'machine', certificateOrigin, twice)).toMatchObject({ status: 200 });
  });

  it('is known by a certificate of its own where that is registered', async () => {
    const again = await issueSelfSigned(machineName);
    expect(await askToken(stage.sendAs(own), 'self-signed')).toMatchObject({ status: 200 });
    expect(await askToken(stage.sendAs(again), 'self-signed')).toMatchObject(refused);
    expect(await askToken(stage.sendAs(right), 'self-signed')).toMatchObject(refused);
    expect(await askToken(stage.sendAs(undefined), 'self-signed')).toMatchObject(refused);

    const ended = await issueSelfSigned({ ...machineName, days: -1 });
    const key = await importX509(ended.cert, 'ES256');
    const jwks = { keys: [{ ...(await exportJWK(key)), kty: 'EC', x5c: [x5cOf(ended)] }] };
    await stage.put({ ...selfSigned, clientId: 'ended', jwks });
    expect(await askToken(stage.sendAs(ended), 'ended')).toMatchObject(refused);
  });

  it('sends people to the issuer, where the pages are (device flow)', async () => {
    const configuration = await discoverAs(stage.sendAs(right), 'television');
    const device = await client.initiateDeviceAuthorization(configuration, { scope: 'openid' });
    expect(device.verification_uri).toBe(`${issuer}/oauth2/device`);
  });

  it('may have its tokens bound to a key instead, with a proof for the address that it calls (DPoP)', async () => {
    const configuration = await discoverAs(stage.sendAs(own), 'self-signed');
    const DPoP = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair());
    const tokens = await client.clientCredentialsGrant(configuration, { scope: 'orders:read' }, { DPoP });
    expect(decodeJwt(tokens.access_token)['cnf']).toEqual({ jkt: expect.any(String) });
    expect(await callApi(stage.sendAs(own), tokens.access_token)).toMatchObject({
      status: 401,
      challenge: expect.stringContaining('bound to a key, which is not supported'),
    });
  });
});

describe('a token that is bound to a certificate', () => {
  it('opens a service by its certificate alone', async () => {
    const { token } = await askToken(stage.sendAs(right), 'machine');
    const passed = await callApi(stage.sendAs(right), token, certificateOrigin, [['Client-Cert', 'x']]);
    expect(passed.status).toBe(200);
    const seen: unknown = JSON.parse(passed.text);
    expect(seen).toMatchObject({ 'x-identity-client': 'machine', 'x-forwarded-host': new URL(certificateOrigin).host });
    expect(seen).not.toHaveProperty('client-cert');

    const another = await authority.issueClient(machineName);
    for (const material of [undefined, another, own]) {
      expect(await callApi(stage.sendAs(material), token)).toMatchObject(anotherCertificate);
    }
    expect(await callApi(stage.sendAs(right), token, issuer)).toMatchObject(anotherCertificate);
    const forged: [string, string][] = [['Client-Cert', `:${x5cOf(right)}:;trusted`]];
    expect(await callApi(stage.sendAs(undefined), token, issuer, forged)).toMatchObject(anotherCertificate);
    const ended = await authority.issueClient({ ...machineName, days: -1 });
    expect(await callApi(stage.sendAs(ended), token)).toMatchObject(anotherCertificate);
  });

  it('is of no matter to whoever has one that is not bound', async () => {
    const { token } = await askToken(stage.sendAs(own), 'self-signed');
    expect(decodeJwt(token)['cnf']).toBeUndefined();
    expect((await callApi(stage.sendAs(undefined), token, issuer)).status).toBe(200);
    expect((await callApi(stage.sendAs(right), token)).status).toBe(200);
  });

  it('keeps its certificate through code, userinfo and refresh', async () => {
    const browser = stage.newBrowser();
    const configuration = await discoverAs(stage.sendAs(right), 'machine');
    const { callback, checks } = await signIn(browser, configuration, {
      parameters: { ...codeRequest, prompt: 'consent', scope: 'openid email offline_access' },
    });
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
    const cnf = { 'x5t#S256': thumbprintOf(right) };
    expect(decodeJwt(tokens.access_token)['cnf']).toEqual(cnf);
    const subject = tokens.claims()?.sub ?? '';
    expect(await client.fetchUserInfo(configuration, tokens.access_token, subject)).toMatchObject({ email: ada.email });
    for (const material of [undefined, own]) {
      const other = await discoverAs(stage.sendAs(material), 'machine');
      await expect(client.fetchUserInfo(other, tokens.access_token, subject)).rejects.toMatchObject({ status: 401 });
    }

    // The client is known by a name that its next certificate has, too: the tokens are bound to that one then.
    const next = await authority.issueClient(machineName);
    const renewed = await discoverAs(stage.sendAs(next), 'machine');
    const refreshed = await client.refreshTokenGrant(renewed, tokens.refresh_token ?? '');
    expect(decodeJwt(refreshed.access_token)['cnf']).toEqual({ 'x5t#S256': thumbprintOf(next) });
  });

  it('binds the refresh tokens of a client that has nothing else to show', async () => {
    const browser = stage.newBrowser();
    const [first, second, none] = await Promise.all(
      [right, await authority.issueClient(machineName), undefined].map((material) =>
        discoverAs(stage.sendAs(material), 'bound', client.None()),
      ),
    );
    if (first === undefined || second === undefined || none === undefined)
      throw new Error('unreachable: three make three');
    const parameters = { ...codeRequest, prompt: 'consent', scope: 'openid offline_access' };
    const { callback, checks } = await signIn(browser, first, { parameters });
    await expect(client.authorizationCodeGrant(none, callback, checks)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    const tokens = await client.authorizationCodeGrant(first, callback, checks);
    const token = tokens.refresh_token ?? '';
    for (const other of [second, none]) {
      await expect(client.refreshTokenGrant(other, token)).rejects.toMatchObject({ error: 'invalid_grant' });
    }
    const refreshed = await client.refreshTokenGrant(first, token);
    expect(decodeJwt(refreshed.access_token)['cnf']).toEqual({ 'x5t#S256': thumbprintOf(right) });
  });
});

describe('the entrance for certificates', () => {
  it('serves no page, and nothing of the issuer but what takes a certificate', async () => {
    const send = stage.sendToCertificates(right);
    const paths = [
      '/.well-known/openid-configuration',
      '/oauth2/authorize?client_id=shop',
      '/oauth2/jwks',
      '/oauth2/account',
      '/oauth2/token/',
    ];
    for (const path of paths) {
      expect((await send(new URL(path, certificateOrigin), {})).status, path).toBe(404);
    }
  });

  it('takes over other CAs without a restart', async () => {
    const next = await createCertificateAuthority();
    const renewed = await next.issueClient(machineName);
    const [before, after] = [stage.sendAs(right), stage.sendAs(renewed)];
    expect(await askToken(before, 'machine')).toMatchObject({ status: 200 });
    expect(await askToken(after, 'machine')).toMatchObject(refused);
    stage.trust(next);
    await eventually(async () => (await askToken(stage.sendAs(renewed), 'machine')).status === 200);
    // By the connections of before, too: the client of each has to make a new one, one request later at most.
    await eventually(async () => (await askToken(after, 'machine')).status === 200);
    await eventually(async () => (await askToken(before, 'machine')).status === 401);
    expect(await askToken(stage.sendAs(right), 'machine')).toMatchObject(refused);
    expect(await askToken(stage.sendAs(own), 'self-signed')).toMatchObject({ status: 200 });
    stage.trust(authority);
    await eventually(async () => (await askToken(stage.sendAs(right), 'machine')).status === 200);
  });
});
