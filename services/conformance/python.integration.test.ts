import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { app, issuer, shop, shopSecret } from '../auth/testing/auth-fixture.ts';
import type { Browser } from '../auth/testing/browser.ts';
import { ada, discover, register, startAuthorization } from '../auth/testing/relying-party.ts';
import { type ClientRegistration, deviceCodeGrantType } from '../shared/contracts/client-registration.ts';
import { type PythonProgram, runPythonProgram } from './python-program.ts';
import { type ConformanceStage, startConformanceStage } from './stage.ts';

const television: ClientRegistration = {
  ...app,
  clientId: 'television',
  grantTypes: [deviceCodeGrantType, 'refresh_token'],
  redirectUris: [],
};

let stage: ConformanceStage;
let browser: Browser;
beforeAll(async () => {
  // idpyoidc insists on RS256, as OpenID Connect Discovery does (section 3, `id_token_signing_alg_values_supported`).
  stage = await startConformanceStage([shop, app, television], 'RS256');
  browser = stage.newBrowser();
  const { url } = await startAuthorization(await discover(stage.send, shop, shopSecret), {
    redirect_uri: 'https://shop.example/callback',
    scope: 'openid',
  });
  await register(browser, await browser.open(url), ada);
});
afterAll(() => stage?.stop());

/** Ada, in one browser. */
const person: PythonProgram['person'] = async (ask, { url = '', code = '' }) => {
  let page = await browser.open(url);
  if (ask === 'connect a device') {
    page = await browser.submit(page, { user_code: code });
    page = await browser.submit(page, { confirm: 'yes' });
  }
  if (ask === 'sign out') page = await browser.submit(page, { logout: 'yes' });
  if (page.forms.some(({ fields }) => 'password' in fields)) page = await browser.submit(page, ada);
  return { url: page.url.href };
};

const run = (name: string): Promise<Record<string, unknown>> =>
  runPythonProgram({
    name,
    person,
    options: {
      issuer,
      port: stage.port,
      caFile: stage.caFile,
      directory: stage.directory,
      shop: {
        id: 'shop',
        secret: shopSecret,
        redirectUri: 'https://shop.example/callback',
        signedOutUri: 'https://shop.example/bye',
      },
      app: { id: 'app', redirectUri: 'https://app.example/callback' },
      television: { id: 'television' },
    },
  });

describe('relying parties in Python', () => {
  it('Authlib: code, userinfo, refresh, introspection, revocation, machine, device', async () => {
    expect(await run('authlib_flows.py')).toMatchObject({
      email: ada.email,
      token_type: 'Bearer',
      active: true,
      active_afterwards: false,
      pending: 'authorization_pending',
      device_scope: 'openid email',
    });
  });

  it('idpyoidc: discovery, code, userinfo, refresh, sign-out', async () => {
    const { subject, ...result } = await run('idpyoidc_flows.py');
    expect(result).toMatchObject({ email: ada.email, userinfo_subject: subject });
    expect(result['signed_out']).toMatch(/^https:\/\/shop\.example\/bye\?state=/);
  });
});
