import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { app, putClient, shop, shopSecret } from './auth/testing/auth-fixture.ts';
import { ada, discover, register, startAuthorization } from './auth/testing/relying-party.ts';
import { type GatewayAndAuth, startGatewayAndAuth } from './testing/gateway-and-auth.ts';
import { sendRaw } from './testing/raw-request.ts';

let stack: GatewayAndAuth;
let interaction: { path: string; cookie: string; csrf: string };
const log: string[] = [];
const logger = () => pino({ level: 'info' }, { write: (line: string) => log.push(line) });

beforeAll(async () => {
  stack = await startGatewayAndAuth([], { auth: logger(), gateway: logger() });
  const services = () => [stack.auth];
  const operator = stack.fixture.send('operator', services);
  await putClient(operator, shop);
  await putClient(operator, app);
  const configuration = await discover(stack.fixture.send('gateway', services), shop, shopSecret);
  const browser = stack.fixture.browser(services);
  const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid' };
  await register(browser, await browser.open((await startAuthorization(configuration, parameters)).url), ada);
  const page = await browser.open((await startAuthorization(configuration, parameters)).url);
  const cookies = browser.cookies().filter(({ path }) => page.url.pathname.startsWith(path));
  interaction = {
    path: page.url.pathname,
    cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; '),
    csrf: page.forms[0]?.fields['csrf'] ?? '',
  };
});
afterAll(() => stack?.stop());

const authorize = '/oauth2/authorize';
const token = '/oauth2/token';
const userinfo = '/oauth2/userinfo';
const signOut = '/oauth2/sign-out';
const discovery = '/.well-known/openid-configuration';
const jwks = '/oauth2/jwks';
const formType = 'Content-Type: application/x-www-form-urlencoded';
const basic = `Authorization: Basic ${Buffer.from(`shop:${shopSecret}`).toString('base64')}`;
const basicOf = (credentials: string) => `Authorization: Basic ${Buffer.from(credentials).toString('base64')}`;
const machine = 'grant_type=client_credentials';

const head = (method: string, target: string, ...headers: string[]) =>
  [`${method} ${target} HTTP/1.1`, 'Host: id.shop.example', 'Connection: close', ...headers, '', ''].join('\r\n');
const get = (target: string, ...headers: string[]) => head('GET', target, ...headers);
const send = (method: string, target: string, body: string, ...headers: string[]) =>
  head(method, target, `Content-Length: ${body.length}`, ...headers) + body;
const form = (target: string, body: string, ...headers: string[]) => send('POST', target, body, formType, ...headers);
const authorizeWith = (changes: string) =>
  get(
    `${authorize}?client_id=shop&response_type=code&redirect_uri=https%3A%2F%2Fshop.example%2Fcallback&scope=openid` +
      `&code_challenge=${'x'.repeat(43)}&code_challenge_method=S256${changes}`,
  );
const chunked = (target: string, ...body: string[]) =>
  `${head('POST', target, formType, 'Transfer-Encoding: chunked')}${body.join('')}`;

/** problem: problem+json. oauth: `error` in JSON. page: HTML. bare: Node's own refusal of what is no HTTP. */
type Kind = 'problem' | 'oauth' | 'page' | 'json' | 'redirect' | 'bare';
type Case = [what: string, bytes: string, status: number, kind: Kind];

const contentTypes: Record<Kind, RegExp> = {
  problem: /^application\/problem\+json$/,
  oauth: /^application\/json/,
  json: /^application\/(json|jwk-set\+json)/,
  page: /^text\/html; charset=utf-8$/,
  redirect: /^text\/(html|plain)/,
  bare: /^$/,
};

const refusedByForm: Kind = 'oauth';

const targets: Case[] = [
  ['an absolute address of another host', get('http://evil.example/oauth2/jwks'), 400, 'problem'],
  ['an absolute address of the issuer', get('https://id.shop.example/oauth2/jwks'), 400, 'problem'],
  ['an authority', get('evil.example:80'), 400, 'bare'],
  ['an asterisk', head('OPTIONS', '*'), 400, 'problem'],
  ['no host', `GET ${jwks} HTTP/1.1\r\nConnection: close\r\n\r\n`, 400, 'bare'],
  ['two hosts', get(jwks, 'Host: evil.example'), 400, 'problem'],
  ['an impossible host', get(discovery).replace('id.shop.example', 'a b<>"'), 400, 'problem'],
  ['a host with a user', get(discovery).replace('id.shop.example', 'id@evil.example:99'), 400, 'problem'],
  ['an empty host', get(discovery).replace('id.shop.example', ''), 200, 'json'],
  ['HTTP/0.9', `GET ${jwks}\r\n\r\n`, 400, 'problem'],
  ['HTTP/1.0', `GET ${jwks} HTTP/1.0\r\n\r\n`, 200, 'json'],
  ['something else', 'hello\r\n\r\n', 400, 'bare'],
  ['TRACE', head('TRACE', jwks), 405, 'problem'],
  ['PROPFIND', head('PROPFIND', authorize), 405, 'problem'],
  ['a method in small letters', head('get', jwks), 400, 'bare'],
  ['the operator\u2019s address', get('/internal/state'), 404, 'problem'],
  ['the same in capitals', get('/INTERNAL/state'), 404, 'problem'],
  ['dots', get('/oauth2/../internal/state'), 400, 'problem'],
  ['encoded dots', get('/oauth2/%2e%2e/internal/state'), 400, 'problem'],
  ['dots with a parameter', get('/oauth2/..;/internal/state'), 400, 'problem'],
  ['an encoded slash', get('/oauth2/..%2finternal/state'), 400, 'problem'],
  ['an encoded backslash', get('/oauth2/..%5cinternal/state'), 400, 'problem'],
  ['a backslash', get('/oauth2\\..\\internal\\state'), 400, 'problem'],
  ['dots encoded twice', get('/oauth2/%252e%252e/internal/state'), 400, 'problem'],
  ['overlong UTF-8', get('/oauth2/%c0%ae%c0%ae/internal/state'), 400, 'problem'],
  ['an empty segment', get('//internal/state'), 400, 'problem'],
  ['a null byte in the path', get(`${jwks}%00`), 400, 'problem'],
  ['half an escape', get('/oauth2/%z'), 400, 'problem'],
  ['bytes that are no UTF-8', get('/oauth2/interaction/%ff'), 400, 'problem'],
  ['a fragment', get(`${jwks}#x`), 400, 'problem'],
  ['a long target', get(`${authorize}?x=${'x'.repeat(8_200)}`), 414, 'problem'],
  ['long headers', get(jwks, `X: ${'x'.repeat(17_000)}`), 431, 'bare'],
  ['a pattern of JavaScript', get('/oauth2/interaction/__proto__'), 400, 'page'],
  ['an unknown address', get('/oauth2/nowhere', 'Accept: ;;;,q=9'), 404, 'problem'],
];

const framing: Case[] = [
  ['two lengths', `${head('POST', token, 'Content-Length: 3', 'Content-Length: 4')}abcd`, 400, 'bare'],
  ['a negative length', head('POST', token, 'Content-Length: -1'), 400, 'bare'],
  [
    'length and chunks',
    `${head('POST', token, 'Content-Length: 3', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    400,
    'bare',
  ],
  ['two transfer codings', `${head('POST', token, 'Transfer-Encoding: gzip, chunked')}0\r\n\r\n`, 400, 'problem'],
  ['chunks that are none', chunked(token, '5\r\nabc\r\nzz\r\n'), 400, 'bare'],
  ['line feeds alone', get(jwks).replaceAll('\r\n', '\n'), 400, 'bare'],
  ['a folded header', get(jwks, 'X: a', ' b'), 400, 'bare'],
  ['a null byte in a header', get(jwks, 'X: a\0b'), 400, 'bare'],
  ['a space before the colon', get(jwks, 'X : a'), 400, 'bare'],
  ['an expectation', get(jwks, 'Expect: more'), 417, 'bare'],
  ['a WebSocket', get(jwks, 'Upgrade: websocket'), 400, 'problem'],
  ['2 MB with a length', form(token, 'x'.repeat(2_000_000)), 413, 'problem'],
  ['2 MB in chunks', chunked(token, `10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(30), '0\r\n\r\n'), 413, 'problem'],
];

const authorization: Case[] = [
  ['nothing', get(authorize), 400, 'page'],
  ['two clients', authorizeWith('&client_id=app'), 400, 'page'],
  ['two addresses', authorizeWith('&redirect_uri=https://evil.example'), 303, 'redirect'],
  ['nested parameters', get(`${authorize}?client_id[a]=shop&redirect_uri[]=x&__proto__[x]=1`), 400, 'page'],
  ['a null byte', get(`${authorize}?client_id=sh%00op`), 400, 'page'],
  ['line breaks in the state', authorizeWith('&prompt=none&state=%0d%0aSet-Cookie:%20a=b%E2%98%83'), 303, 'redirect'],
  ['escapes and bytes that are none', authorizeWith('&prompt=none&state=%zz%ff%fe%'), 303, 'redirect'],
  ['a script in the state', authorizeWith('&prompt=none&response_mode=form_post&state=%3C/script%3E'), 400, 'page'],
  ['an unsigned hint', authorizeWith('&prompt=none&id_token_hint=eyJhbGciOiJub25lIn0.e30.'), 303, 'redirect'],
  ['a request object by address', authorizeWith('&request_uri=http://127.0.0.1:1/'), 303, 'redirect'],
  ['a resource that is no address', authorizeWith('&resource=http://%5b'), 303, 'redirect'],
  ['an endless age', authorizeWith(`&max_age=${'9'.repeat(40)}`), 303, 'redirect'],
  ['cookies that are none', get(authorize, 'Cookie: __Host-session=%zz; __Host-session.sig=%;=;;\xff'), 400, 'page'],
  ['another charset', send('POST', authorize, 'a=b', `${formType}; charset=utf-16`), 400, refusedByForm],
  ['a form', form(authorize, 'client_id=shop'), 404, 'problem'],
  ['a way back that nobody began', get(`${authorize}/__proto__`, 'Accept: text/html'), 400, 'page'],
];

const tokens: Case[] = [
  ['a GET', get(token), 404, 'problem'],
  ['nothing', form(token, ''), 400, 'oauth'],
  ['a parameter twice', form(token, `${machine}&${machine}`, basic), 400, 'oauth'],
  ['nested parameters', form(token, 'grant_type[a]=client_credentials&scope[]=x', basic), 400, 'oauth'],
  ['a null byte', form(token, `${machine}%00`, basic), 400, 'oauth'],
  ['a raw null byte', form(token, `${machine}\0`, basic), 400, 'oauth'],
  ['names of JavaScript', form(token, 'grant_type=__proto__&__proto__=x&constructor=y', basic), 400, 'oauth'],
  ['a null byte in the scope', form(token, `${machine}&scope=%00`, basic), 400, 'oauth'],
  [
    'two resources',
    form(token, `${machine}&resource=https://a.example&resource=https://b.example`, basic),
    400,
    'oauth',
  ],
  ['another charset', send('POST', token, machine, `${formType}; charset=utf-7`, basic), 400, refusedByForm],
  ['a compressed body', form(token, 'not gzip', 'Content-Encoding: gzip', basic), 400, refusedByForm],
  ['JSON', send('POST', token, '{}', 'Content-Type: application/json', basic), 400, 'oauth'],
  ['a type that is none', send('POST', token, machine, 'Content-Type: ;;;', basic), 400, 'oauth'],
  ['60 KB', form(token, `${machine}&x=${'x'.repeat(60_000)}`, basic), 400, 'oauth'],
  ['12,000 parameters', form(token, 'a=1&'.repeat(12_000), basic), 400, 'oauth'],
  [
    '60 KB in chunks',
    chunked(token, `${(60_000).toString(16)}\r\n${'x'.repeat(60_000)}\r\n`, '0\r\n\r\n'),
    400,
    'oauth',
  ],
  ['credentials that are none', form(token, machine, 'Authorization: Basic !!!'), 400, 'oauth'],
  ['credentials with escapes that are none', form(token, machine, basicOf('%zz:%zz')), 400, 'oauth'],
  ['credentials beyond ASCII', form(token, machine, basicOf('sh\u2603"p\0:x')), 400, 'oauth'],
  ['a client named __proto__', form(token, machine, basicOf('__proto__:x')), 401, 'oauth'],
  ['credentials twice', form(token, `${machine}&client_id=shop&client_secret=x`, basic), 400, 'oauth'],
  ['another client beside one\u2019s own', form(token, `${machine}&client_id=app`, basic), 400, 'oauth'],
  ['a public client as a machine', form(token, `${machine}&client_id=app`), 400, 'oauth'],
  ['a code of bytes', form(token, 'grant_type=authorization_code&code=%00%ff&redirect_uri=%00', basic), 400, 'oauth'],
  ['a refresh token of bytes', form(token, 'grant_type=refresh_token&refresh_token=%00%ff%27', basic), 400, 'oauth'],
  ['a header that Connection takes away', form(token, machine, basic, 'Connection: authorization'), 400, 'oauth'],
  ['a method in a header', form(token, '', 'X-HTTP-Method-Override: DELETE'), 400, 'oauth'],
];

const others: Case[] = [
  ['userinfo without a token', get(userinfo), 401, 'json'],
  ['userinfo with a token in the query', get(`${userinfo}?access_token=x`), 400, 'oauth'],
  ['userinfo with an unsigned token', get(userinfo, 'Authorization: Bearer eyJhbGciOiJub25lIn0.e30.'), 401, 'oauth'],
  ['userinfo with bytes', get(userinfo, 'Authorization: Bearer \xff'), 401, 'oauth'],
  ['userinfo with two tokens', form(userinfo, 'access_token=a&access_token=b'), 400, 'oauth'],
  ['userinfo with a compressed body', form(userinfo, 'x', 'Content-Encoding: gzip'), 400, refusedByForm],
  ['userinfo with an unknown coding', form(userinfo, 'x', 'Content-Encoding: nonsense'), 400, refusedByForm],
  ['userinfo with 60 KB', form(userinfo, 'x'.repeat(60_000)), 400, 'oauth'],
  ['userinfo by PUT', send('PUT', userinfo, 'x'), 404, 'problem'],
  ['an interaction without its cookie', get('/oauth2/interaction/abc'), 400, 'page'],
  ['a sign-in without its cookie', form('/oauth2/interaction/abc/sign-in', 'email=a&password=b'), 400, 'page'],
  [
    'a sign-in in JSON',
    send('POST', '/oauth2/interaction/a/sign-in', '{}', 'Content-Type: application/json'),
    400,
    'page',
  ],
  ['a sign-in of 20 KB', form('/oauth2/interaction/abc/sign-in', `email=${'x'.repeat(20_000)}`), 413, 'problem'],
  ['a reload of a form\u2019s address', get('/oauth2/interaction/%22%3E/cancel'), 303, 'redirect'],
  [
    'a sign-out with another\u2019s address',
    get(`${signOut}?client_id=shop&post_logout_redirect_uri=https://evil.example`),
    400,
    'oauth',
  ],
  ['a sign-out with an unsigned hint', get(`${signOut}?id_token_hint=eyJhbGciOiJub25lIn0.e30.`), 400, 'oauth'],
  ['a sign-out with null bytes', get(`${signOut}?client_id=%00&state=%00`), 400, 'oauth'],
  ['a sign-out that nobody asked for', form(`${signOut}/confirm`, 'xsrf=x&xsrf=y&logout=yes'), 400, 'oauth'],
  ['an asset named __proto__', get('/oauth2/assets/__proto__'), 404, 'problem'],
  ['introspection at another address', form('/oauth2/token/introspection', 'token=x', basic), 404, 'problem'],
  ['introspection by nobody', form('/oauth2/introspect', 'token=x'), 400, 'oauth'],
  ['introspection of nothing', form('/oauth2/introspect', '', basic), 400, 'oauth'],
  ['introspection of two', form('/oauth2/introspect', 'token=x&token=y', basic), 400, 'oauth'],
  ['introspection of bytes', form('/oauth2/introspect', 'token=%00%ff%27', basic), 200, 'json'],
  ['introspection by GET', get('/oauth2/introspect?token=x', basic), 404, 'problem'],
  ['revocation by nobody', form('/oauth2/revoke', 'token=x'), 400, 'oauth'],
  ['revocation of nothing', form('/oauth2/revoke', '', basic), 400, 'oauth'],
  ['revocation with a wrong secret', form('/oauth2/revoke', 'token=x', basicOf('shop:x')), 401, 'oauth'],
  ['registration of a client', send('POST', '/oauth2/reg', '{}', 'Content-Type: application/json'), 404, 'problem'],
];

const answer = async (bytes: string) => {
  const { status, headers, head: answered, body } = await sendRaw(stack.publicPort, bytes);
  return { status, contentType: headers.get('content-type') ?? '', location: headers.get('location'), answered, body };
};

const isWellAnswered = async ([, bytes, status, kind]: Case) => {
  const { contentType, location, answered, body, ...rest } = await answer(bytes);
  expect(rest.status, body).toBe(status);
  expect(contentType).toMatch(contentTypes[kind]);
  if (kind === 'oauth') {
    expect(JSON.parse(body)).toHaveProperty('error');
  }
  if (kind === 'redirect') {
    expect(location).toMatch(/^(https:\/\/shop\.example\/callback\?error=|\/oauth2\/interaction\/)/);
  }
  // No stack, no path of a file, no product's name, no header of the client's own making.
  expect(`${answered}\n${body}`).not.toMatch(/\n\s+at |node_modules|\.ts:\d|x-powered-by|\nset-cookie: a=b/i);
  expect(body).not.toContain('"service"');
};

describe('through the gateway to auth', () => {
  it.each(targets)('target: %s', (...example) => isWellAnswered(example));
  it.each(framing)('framing: %s', (...example) => isWellAnswered(example));
  it.each(authorization)('authorize: %s', (...example) => isWellAnswered(example));
  it.each(tokens)('token: %s', (...example) => isWellAnswered(example));
  it.each(others)('%s', (...example) => isWellAnswered(example));

  it.each([
    'email=a&email=b&password=x&password=y',
    'email[a]=1&password[]=2&__proto__[a]=1',
    'email=%00&password=%00',
    'email=ada%40example.test&password=%ED%A0%80%ff',
    'email=a%0d%0aBcc:b%40example.test&password=x',
    `email=${'a'.repeat(5_000)}&password=${'b'.repeat(9_000)}`,
    'email=x%40xn--a.example&password=x',
    'email=x%40%5B127.0.0.1%5D&password=x',
  ])('sign-in and registration: %s', async (fields) => {
    for (const page of ['sign-in', 'register']) {
      const body = `csrf=${interaction.csrf}&name=%00&${fields}`;
      const { status, contentType } = await answer(
        form(`${interaction.path}/${page}`, body, `Cookie: ${interaction.cookie}`),
      );
      expect([page, status, contentType]).toEqual([page, 400, 'text/html; charset=utf-8']);
    }
  });

  it('leaves auth reachable, nothing in the log that somebody must look at, and no secret there', async () => {
    expect(await answer(form(token, machine, basic))).toMatchObject({ status: 200 });
    expect(log.filter((line) => !line.includes('"level":30'))).toEqual([]);
    const text = log.join('');
    expect(text).toContain('"path":"/oauth2/token"');
    for (const secret of [shopSecret, ada.password, ada.email, interaction.csrf, interaction.cookie]) {
      expect(text).not.toContain(secret);
    }
  });
});
