import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issuer, shop, shopSecret } from '../auth/testing/auth-fixture.ts';
import { ada, discover, signIn } from '../auth/testing/relying-party.ts';
import { startMailServer, type TestMailServer } from '../shared/testing/mail-server.ts';
import { type GatewayAndAuth, startGatewayAndAuth } from '../testing/gateway-and-auth.ts';
import { sendRaw } from '../testing/raw-request.ts';
import { describeAnswer, findLeaks } from './answer.ts';
import { accounts } from './corpus/accounts.ts';
import { authorization } from './corpus/authorization.ts';
import { addresses, type BadRequest, basic, machine } from './corpus/bad-request.ts';
import { certificates } from './corpus/certificates.ts';
import { framing } from './corpus/framing.ts';
import { operatorRequests } from './corpus/operator.ts';
import { fields, pages } from './corpus/pages.ts';
import { proofs } from './corpus/proofs.ts';
import { pushed } from './corpus/pushed.ts';
import { targets } from './corpus/targets.ts';
import { tokenUse } from './corpus/token-use.ts';
import { tokens } from './corpus/tokens.ts';
import { endpoints, requestsOf } from './fuzz.ts';
import { form, get } from './http-request.ts';
import { prepareScene, type Scene } from './scene.ts';

let stack: GatewayAndAuth;
let scene: Scene;
let mailServer: TestMailServer;
let directory: string;
const log: string[] = [];
/** How long the log was before the first bad request: services that start still look for each other. */
let startOfLog = 0;
const logger = () => pino({ level: 'info' }, { write: (line: string) => log.push(line) });

beforeAll(async () => {
  mailServer = await startMailServer();
  directory = mkdtempSync(join(tmpdir(), 'bad-input-'));
  const urlFile = join(directory, 'smtp-url');
  writeFileSync(urlFile, `smtp://127.0.0.1:${mailServer.port}?tls=disable`);
  const mail = { urlFile, from: 'no-reply@shop.example' };
  stack = await startGatewayAndAuth(
    [],
    { auth: logger(), gateway: logger() },
    {
      auth: { mail, clientCertificatesOrigin: 'https://mtls.shop.example' },
    },
  );
  scene = await prepareScene(stack, mailServer);
  startOfLog = log.length;
});
afterAll(async () => {
  await stack?.stop();
  await mailServer?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Sends it through the gateway; what it tells of itself is none of a leak. */
const ask = async (bytes: string): Promise<string> => {
  const answer = await sendRaw(stack.publicPort, bytes);
  expect(findLeaks(answer, scene.secrets), `${answer.head}\n${answer.body}`).toEqual([]);
  return describeAnswer(answer);
};

const isAnswered = async ([, request, answer]: BadRequest): Promise<void> => {
  const got = await ask(typeof request === 'string' ? request : await request(scene));
  expect(got).toBe(answer);
};

/** Below 500, in one of the forms that callers know. */
const wellAnswered = /^[234]\d\d (problem|oauth|json|inactive|page|to|empty|bare)/;

describe('bad input', () => {
  it.each(targets)('target: %s', (...row) => isAnswered(row));
  it.each(framing)('framing: %s', (...row) => isAnswered(row));
  it.each(authorization)('authorize: %s', (...row) => isAnswered(row));
  it.each(pushed)('request object: %s', (...row) => isAnswered(row));
  it.each(tokens)('token: %s', (...row) => isAnswered(row));
  it.each(proofs)('DPoP: %s', (...row) => isAnswered(row));
  it.each(certificates)('token: %s', (...row) => isAnswered(row));
  it.each(tokenUse)('%s', (...row) => isAnswered(row));
  it.each(accounts)('%s', (...row) => isAnswered(row));
  it.each(pages)('%s', (...row) => isAnswered(row));

  it.each(fields)('sign-in and registration: %s', async (body) => {
    const { path, csrf, cookie } = scene.form;
    for (const page of ['sign-in', 'register']) {
      const request = form(`${path}/${page}`, `csrf=${csrf}&name=%00&${body}`, `Cookie: ${cookie}`);
      expect([page, await ask(request)]).toEqual([page, '400 page']);
    }
  });
});

/** By mutual TLS, to auth itself. */
const askAsOperator = async (method: string, path: string, body: string): Promise<string> => {
  const send = stack.fixture.send('operator', () => [stack.auth]);
  const headers = { 'content-type': 'application/json' };
  const response = await send(new URL(path, issuer), { method, headers, ...(body !== '' && { body }) });
  const head = [...response.headers].map((header) => header.join(': ')).join('\r\n');
  const answer = { status: response.status, headers: new Map(response.headers), head, body: await response.text() };
  expect(findLeaks(answer, scene.secrets), answer.body).toEqual([]);
  return describeAnswer(answer);
};

describe('bad input of the operator', () => {
  it.each(operatorRequests)('%s', async (_what, method, path, body, answer) => {
    expect(await askAsOperator(method, path, body)).toBe(answer);
  });
});

/** Requests an endpoint; the same ones each time, unless there are to be others or more: `BAD_INPUT_RUNS=2000`. */
const wanted = process.env['BAD_INPUT_RUNS'];
const runs = wanted === undefined ? { numRuns: 60, seed: 1 } : { numRuns: Number(wanted) };

describe('made-up input', () => {
  it('is answered, and never as our own fault', { timeout: 120_000 + runs.numRuns * 1_000 }, async () => {
    for (const endpoint of endpoints(scene)) {
      const property = fc.asyncProperty(requestsOf(endpoint, scene), async (bytes) => {
        expect(await ask(bytes), endpoint.name).toMatch(wellAnswered);
      });
      await fc.assert(property, runs);
    }
  });
});

describe('after all of it', () => {
  it('machines and people are served as before', async () => {
    expect(await ask(form(addresses.token, machine, basic))).toBe('200 json');
    expect(await ask(get(addresses.userinfo, `Authorization: Bearer ${scene.accessToken}`))).toBe('200 json');
    const configuration = await discover(
      stack.fixture.send('gateway', () => [stack.auth]),
      shop,
      shopSecret,
    );
    const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid' };
    const browser = stack.fixture.browser(() => [stack.auth]);
    const { callback } = await signIn(browser, configuration, { parameters });
    expect(callback.searchParams.get('code')).not.toBeNull();
  });

  it('nothing is in the log that somebody must look at, and no secret', () => {
    expect(log.slice(startOfLog).filter((line) => !line.includes('"level":30'))).toEqual([]);
    const text = log.join('');
    expect(text).toContain('"path":"/oauth2/token"');
    for (const secret of [...scene.secrets, ada.email, scene.form.csrf, scene.form.cookie, scene.session]) {
      expect(text).not.toContain(secret);
    }
  });
});
