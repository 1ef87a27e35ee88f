import * as client from 'openid-client';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putClient, shop, shopSecret } from './auth/testing/auth-fixture.ts';
import { ada, discover, register, signIn, startAuthorization } from './auth/testing/relying-party.ts';
import type { RunningService } from './shared/service-process.ts';
import { startService } from './shared/service-process.ts';
import { type GatewayAndAuth, startGatewayAndAuth } from './testing/gateway-and-auth.ts';
import { buildTokenStore } from './token-store/service.ts';

/** Longer than our own clients keep an idle connection (4 s), as in a pod (10 s). */
const drainMilliseconds = 5_000;
const silent = pino({ level: 'silent' });

/** Where a second process of auth or the token-store is started. */
const secondAddress = '127.0.0.2';

let stack: GatewayAndAuth;
let accessToken: string;
const started: RunningService[] = [];
const agent = new Agent({ connections: 20 });

beforeAll(async () => {
  stack = await startGatewayAndAuth(
    [],
    { auth: silent, gateway: silent },
    {
      auth: { drainMilliseconds },
      fallbackHost: secondAddress,
    },
  );
  const services = () => [stack.auth];
  await putClient(stack.fixture.send('operator', services), shop);
  const configuration = await discover(stack.fixture.send('gateway', services), shop, shopSecret);
  const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email' };
  const browser = stack.fixture.browser(services);
  await register(browser, await browser.open((await startAuthorization(configuration, parameters)).url), ada);
  const { callback, checks } = await signIn(browser, configuration, { parameters });
  accessToken = (await client.authorizationCodeGrant(configuration, callback, checks)).access_token;
});
afterAll(async () => {
  await agent.close();
  await Promise.all(started.map((service) => service.stop()));
  await stack?.stop();
});

const origin = () => `http://127.0.0.1:${stack.publicPort}`;
const authorization = new URLSearchParams({
  client_id: shop.clientId,
  response_type: 'code',
  redirect_uri: 'https://shop.example/callback',
  scope: 'openid',
  code_challenge: 'x'.repeat(43),
  code_challenge_method: 'S256',
});
/** What needs auth alone, what is read from the token-store, and what is written to it. */
const requests = [
  () =>
    request(`${origin()}/oauth2/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`shop:${shopSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
      dispatcher: agent,
    }),
  () =>
    request(`${origin()}/oauth2/userinfo`, { headers: { authorization: `Bearer ${accessToken}` }, dispatcher: agent }),
  () => request(`${origin()}/oauth2/authorize?${authorization}`, { dispatcher: agent }),
];

/** Asks all the time, by eight callers at once, until `end` is over; the statuses by how often they came. */
const askUntil = async (end: Promise<void>): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  let over = false;
  const ask = async (first: number): Promise<void> => {
    for (let turn = first; !over; turn += 1) {
      const outcome = await requests[turn % requests.length]?.().then(
        async ({ statusCode, body }) => {
          await body.dump();
          return String(statusCode);
        },
        (error: Error) => error.message,
      );
      counts[String(outcome)] = (counts[String(outcome)] ?? 0) + 1;
    }
  };
  const callers = Array.from({ length: 8 }, (_, turn) => ask(turn));
  await end;
  over = true;
  await Promise.all(callers);
  return counts;
};

describe('no request is lost on the way gateway, auth, token-store', () => {
  it('while an auth ends and another one takes over', async () => {
    const port = stack.auth.ports['auth'] ?? 0;
    const tokenStore = { ...stack.fixture.settings().tokenStore, fallbackHost: secondAddress };
    started.push(await stack.fixture.start({ listenAddress: secondAddress, port, tokenStore }));
    const counts = await askUntil(stack.auth.stop());
    expect(Object.keys(counts).sort()).toEqual(['200', '303']);
  });

  it('while a token-store ends without a drain and another one takes over', async () => {
    const { store } = stack.fixture;
    const { port } = stack.fixture.settings().tokenStore;
    started.push(await startService(await buildTokenStore({ ...store.settings(secondAddress), port }, silent)));
    const counts = await askUntil(stack.fixture.stopTokenStore());
    expect(Object.keys(counts).sort()).toEqual(['200', '303']);
  });
});
