import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { RunningService } from '../shared/service-process.ts';
import { type AuthFixture, issuer, putClient, shop, shopSecret, startAuthFixture } from './testing/auth-fixture.ts';
import { ada, discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

const pairwise: ClientRegistration = { ...shop, clientId: 'pairwise', subjectType: 'pairwise' };
const sibling: ClientRegistration = { ...pairwise, clientId: 'sibling', accessTokenFormat: 'opaque' };
const partner: ClientRegistration = { ...pairwise, clientId: 'partner', sectorIdentifier: 'partner.example' };
const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid offline_access', prompt: 'consent' };

let fixture: AuthFixture;
let service: RunningService;
const services = () => [service];

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  const operator = fixture.send('operator', services);
  for (const one of [shop, pairwise, sibling, partner]) await putClient(operator, one);
  const browser = fixture.browser(services);
  const { url } = await startAuthorization(
    await discover(fixture.send('gateway', services), shop, shopSecret),
    parameters,
  );
  await register(browser, await browser.open(url), ada);
});
afterAll(() => fixture?.stop());

/** Every `sub` that a client is told of one person. */
const subjectsAt = async (registration: ClientRegistration): Promise<Record<string, unknown>> => {
  const configuration = await discover(fixture.send('gateway', services), registration, shopSecret);
  const { callback, checks } = await signIn(fixture.browser(services), configuration, { parameters });
  const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
  const idToken = tokens.claims()?.sub ?? '';
  const access = tokens.access_token;
  const userinfo = await client.fetchUserInfo(configuration, access, idToken);
  const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
  return {
    idToken,
    userinfo: userinfo.sub,
    introspection: (await client.tokenIntrospection(configuration, access)).sub,
    refreshToken: (await client.tokenIntrospection(configuration, refreshed.refresh_token ?? '')).sub,
    afterRefresh: refreshed.claims()?.sub,
    ...(registration.accessTokenFormat !== 'opaque' && { accessToken: decodeJwt(access).sub }),
  };
};

describe('pairwise subjects', () => {
  it('are one everywhere at a client and in its sector, another one elsewhere, and stay when cookie keys roll', async () => {
    const told: string[] = [];
    for (const registration of [shop, pairwise, sibling, partner]) {
      const subjects = new Set(Object.values(await subjectsAt(registration)));
      expect(subjects.size).toBe(1);
      told.push(String([...subjects][0]));
    }
    const [account, ofPairwise, ofSibling, ofPartner] = told;
    expect(ofSibling).toBe(ofPairwise);
    expect(new Set([account, ofPairwise, ofPartner]).size).toBe(3);

    const cookieKeysDirectory = join(fixture.directory, 'other-cookie-keys');
    mkdirSync(cookieKeysDirectory);
    writeFileSync(join(cookieKeysDirectory, 'keys.json'), JSON.stringify({ keys: [randomBytes(32).toString('hex')] }));
    service = await fixture.start({ cookieKeysDirectory });
    expect((await subjectsAt(pairwise))['idToken']).toBe(ofPairwise);
  });

  it('are among what discovery tells', async () => {
    const configuration = await discover(fixture.send('gateway', services), shop, shopSecret);
    expect(configuration.serverMetadata()).toMatchObject({ issuer, subject_types_supported: ['public', 'pairwise'] });
  });

  it('need one sector', async () => {
    const redirectUris = ['https://a.example/', 'https://b.example/'];
    const put = putClient(fixture.send('operator', services), { ...pairwise, clientId: 'two', redirectUris });
    await expect(put).rejects.toThrow(/sector_identifier_uri is mandatory/);
  });
});

describe('the claims parameter', () => {
  const ask = async (registration: ClientRegistration, claims: unknown) => {
    const configuration = await discover(fixture.send('gateway', services), registration, shopSecret);
    const { callback, checks } = await signIn(fixture.browser(services), configuration, {
      parameters: { ...parameters, scope: 'openid', claims: JSON.stringify(claims) },
    });
    if (callback.searchParams.has('error')) return { error: callback.searchParams.get('error') };
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
    const { sub = '', ...idToken } = tokens.claims() ?? {};
    return { idToken, userinfo: await client.fetchUserInfo(configuration, tokens.access_token, sub) };
  };
  const both = { id_token: { email: { essential: true } }, userinfo: { name: null, shoe_size: null } };

  it('brings what was asked for, where it was asked for', async () => {
    const { idToken, userinfo } = await ask(shop, both);
    expect(idToken).toMatchObject({ email: ada.email });
    expect(idToken).not.toHaveProperty('name');
    expect(userinfo).toMatchObject({ name: ada.name });
  });

  it('brings nothing beyond the scopes of the client', async () => {
    const narrow: ClientRegistration = { ...shop, clientId: 'narrow', scopes: ['openid'] };
    await putClient(fixture.send('operator', services), narrow);
    const { idToken, userinfo } = await ask(narrow, both);
    expect(idToken).not.toHaveProperty('email');
    expect(Object.keys(userinfo ?? {})).toEqual(['sub']);
  });

  it('cannot ask for a sign-in that there is not', async () => {
    expect(await ask(shop, { id_token: { acr: { essential: true, values: ['mfa'] } } })).toEqual({
      error: 'unmet_authentication_requirements',
    });
    expect(await ask(shop, { id_token: { acr: { essential: true, value: 'pwd' } } })).toHaveProperty(
      'idToken.acr',
      'pwd',
    );
  });
});

it('says what it can do (discovery)', async () => {
  const answer = await fixture.send('gateway', services)(new URL('/.well-known/openid-configuration', issuer), {});
  const text = `${JSON.stringify(await answer.json(), undefined, 2)}\n`;
  await expect(text).toMatchFileSnapshot('./testdata/openid-configuration.golden');
});
