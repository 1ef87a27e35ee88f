import { mkdir } from 'node:fs/promises';
import { AxeBuilder } from '@axe-core/playwright';
import * as oidc from 'openid-client';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import { demo } from '../installation/demo-installation.ts';
import type { IssuerConnection } from '../installation/issuer-connection.ts';
import { openCluster } from '../installation/kubernetes.ts';
import { type Application, discover, startAuthorization } from '../installation/relying-party.ts';
import { callServiceA, newPerson, openApplication } from './application.ts';

let client: KubernetesClient;
let connection: IssuerConnection;
let application: Application;
let configuration: oidc.Configuration;
let browser: Browser;

const pictures = 'build/test/pages';

beforeAll(async () => {
  client = openCluster(inject('environment').kubeconfigPath);
  ({ application, connection } = await openApplication(client));
  configuration = await discover(connection, application);
  const { host } = new URL(demo.issuer);
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      // The issuer's own name and port, led to the forwarder's port.
      `--host-resolver-rules=MAP ${host} 127.0.0.1:${inject('environment').gatewayPort}`,
    ],
  });
  await mkdir(pictures, { recursive: true });
});
afterAll(async () => {
  await browser?.close();
  await connection?.close();
  await client?.close();
});

const expectAccessible = async (page: Page): Promise<void> => {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
    .analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
};

/**
 * The request by which the browser comes back to the application. Nothing listens there, so the page ends on an error
 * of the browser's and is closed; the next one shares its cookies.
 */
const comesBackTo = async (page: Page, uri: string, act: () => Promise<void>): Promise<URL> => {
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.url().startsWith(uri), { timeout: 30_000 }),
    act(),
  ]);
  const url = new URL(request.url());
  await page.close();
  return url;
};

const devices = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};

describe.each(Object.entries(devices))('with a browser on a %s', (device, options) => {
  it('a person registers, signs in, uses services A, B and C, stays signed in, and signs out', async () => {
    const context = await browser.newContext({ ...options, ignoreHTTPSErrors: true });
    let page = await context.newPage();
    const person = newPerson('Ada');
    const picture = (name: string) => page.screenshot({ path: `${pictures}/${device}-${name}.png`, fullPage: true });

    const { url, checks } = await startAuthorization(
      configuration,
      application.redirectUri,
      'openid email profile offline_access',
    );
    await page.goto(url.href);
    await expectAccessible(page);
    await picture('sign-in');
    await page.click('a[href$="/register"]');
    await expectAccessible(page);
    await picture('register');
    await page.fill('#email', person.email);
    await page.fill('#name', person.name);
    await page.fill('#password', person.password);
    await page.keyboard.press('Enter');

    await page.waitForURL(/\/interaction\//);
    await page.fill('#email', person.email);
    await page.fill('#password', 'not the password that was chosen');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=alert]');
    await picture('wrong-password');
    await page.fill('#password', person.password);
    const callback = await comesBackTo(page, application.redirectUri, () => page.keyboard.press('Enter'));

    const tokens = await oidc.authorizationCodeGrant(configuration, callback, checks);
    const subject = tokens.claims()?.sub ?? '';
    expect(tokens.claims()).toMatchObject({ iss: demo.issuer, aud: 'demo-app', email: person.email, acr: 'pwd' });
    expect(await oidc.fetchUserInfo(configuration, tokens.access_token, subject)).toMatchObject({
      email: person.email,
    });

    const answer = await callServiceA(connection, tokens.access_token);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      service: 'a',
      subject,
      next: { service: 'b', subject, next: { service: 'c', subject } },
    });

    const refreshed = await oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    expect((await callServiceA(connection, refreshed.access_token)).status).toBe(200);

    // The session is remembered: another sign-in asks for nothing.
    page = await context.newPage();
    const again = await startAuthorization(configuration, application.redirectUri, 'openid');
    const silently = await comesBackTo(page, application.redirectUri, async () => {
      await page.goto(again.url.href).catch(() => undefined);
    });
    expect((await oidc.authorizationCodeGrant(configuration, silently, again.checks)).claims()?.sub).toBe(subject);

    const signOut = oidc.buildEndSessionUrl(configuration, {
      id_token_hint: tokens.id_token ?? '',
      post_logout_redirect_uri: 'http://127.0.0.1:8765/signed-out',
    });
    page = await context.newPage();
    await page.goto(signOut.href);
    await expectAccessible(page);
    await picture('sign-out');
    await comesBackTo(page, 'http://127.0.0.1:8765/signed-out', () => page.click('button[name=logout]'));

    page = await context.newPage();
    const afterwards = await startAuthorization(configuration, application.redirectUri, 'openid');
    await page.goto(afterwards.url.href);
    await page.waitForSelector('#password');
    await context.close();
  });
});
