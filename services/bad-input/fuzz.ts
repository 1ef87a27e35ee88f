import fc from 'fast-check';
import { addresses, basic } from './corpus/bad-request.ts';
import { form, get, send } from './http-request.ts';
import type { Scene } from './scene.ts';

/** An address with the parameters that it knows. */
export type Endpoint = { name: string; method: 'GET' | 'POST'; target: string; parameters: readonly string[] };

const authorizationParameters = [
  ...['client_id', 'response_type', 'redirect_uri', 'scope', 'state', 'nonce', 'prompt', 'max_age', 'login_hint'],
  ...['code_challenge', 'code_challenge_method', 'request', 'request_uri', 'response_mode', 'id_token_hint', 'claims'],
  ...['resource', 'acr_values', 'ui_locales', 'dpop_jkt'],
];
const clientParameters = ['client_id', 'client_secret', 'client_assertion', 'client_assertion_type'];
const tokenParameters = ['token', 'token_type_hint', ...clientParameters];

export const endpoints = ({ form: { path } }: Scene): readonly Endpoint[] => [
  { name: 'discovery', method: 'GET', target: addresses.discovery, parameters: ['x'] },
  { name: 'jwks', method: 'GET', target: addresses.jwks, parameters: ['kid'] },
  { name: 'authorize', method: 'GET', target: addresses.authorize, parameters: authorizationParameters },
  { name: 'par', method: 'POST', target: addresses.par, parameters: [...authorizationParameters, ...clientParameters] },
  {
    name: 'token',
    method: 'POST',
    target: addresses.token,
    parameters: [
      ...['grant_type', 'code', 'redirect_uri', 'code_verifier', 'refresh_token', 'device_code', 'scope', 'resource'],
      ...clientParameters,
    ],
  },
  { name: 'userinfo by GET', method: 'GET', target: addresses.userinfo, parameters: ['access_token'] },
  { name: 'userinfo', method: 'POST', target: addresses.userinfo, parameters: ['access_token'] },
  { name: 'introspect', method: 'POST', target: addresses.introspect, parameters: tokenParameters },
  { name: 'revoke', method: 'POST', target: addresses.revoke, parameters: tokenParameters },
  {
    name: 'device authorization',
    method: 'POST',
    target: addresses.deviceAuthorization,
    parameters: [...authorizationParameters, ...clientParameters],
  },
  { name: 'device page by GET', method: 'GET', target: addresses.device, parameters: ['user_code'] },
  {
    name: 'device page',
    method: 'POST',
    target: addresses.device,
    parameters: ['xsrf', 'user_code', 'confirm', 'abort'],
  },
  {
    name: 'sign-out',
    method: 'GET',
    target: addresses.signOut,
    parameters: ['id_token_hint', 'client_id', 'post_logout_redirect_uri', 'state', 'logout_hint', 'ui_locales'],
  },
  {
    name: 'confirmed sign-out',
    method: 'POST',
    target: `${addresses.signOut}/confirm`,
    parameters: ['xsrf', 'logout'],
  },
  { name: 'sign-in', method: 'POST', target: `${path}/sign-in`, parameters: ['csrf', 'email', 'password'] },
  { name: 'forgotten password', method: 'POST', target: `${path}/forgot`, parameters: ['csrf', 'email'] },
  { name: 'consent', method: 'POST', target: `${path}/consent`, parameters: ['csrf', 'allow', 'scope'] },
  { name: 'account page', method: 'GET', target: '/oauth2/account', parameters: ['done', 'error'] },
  { name: 'name', method: 'POST', target: '/oauth2/account/name', parameters: ['csrf', 'name'] },
  {
    name: 'password',
    method: 'POST',
    target: '/oauth2/account/password',
    parameters: ['csrf', 'currentPassword', 'newPassword'],
  },
  {
    name: 'address',
    method: 'POST',
    target: '/oauth2/account/email',
    parameters: ['csrf', 'newEmail', 'emailPassword'],
  },
  { name: 'application', method: 'POST', target: '/oauth2/account/application', parameters: ['csrf', 'application'] },
  { name: 'link by GET', method: 'GET', target: '/oauth2/link', parameters: ['token'] },
  { name: 'link', method: 'POST', target: '/oauth2/link', parameters: ['token', 'password'] },
  {
    name: 'registration',
    method: 'POST',
    target: `${path}/register`,
    parameters: ['csrf', 'email', 'password', 'name'],
  },
];

const names = ['', '__proto__', 'constructor', 'a[b]', 'a[]', 'a.b', '\0', '\u2603', 'toString'];
const values = [
  ...[
    '',
    '\0',
    '__proto__',
    '[]',
    '{}',
    '{"a":',
    'null',
    '-1',
    '0',
    '9'.repeat(40),
    '1e309',
    'NaN',
    '%',
    '%00',
    '\r\n',
  ],
  ...['\ufeff', '\u202e', '\u2603', '"><script>', '{{7*7}}', '../../etc/passwd', "' OR 1=1 --", '#{x}', 'a.b.c', '~'],
  ...[
    'shop',
    'app',
    'television',
    'signing',
    'openid offline_access',
    'code',
    'none',
    'login',
    'query',
    'form_post',
    'jwt',
  ],
  ...['authorization_code', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code'],
  ...['https://shop.example/callback', 'https://evil.example/', 'https://api.shop.example', 'S256', 'yes'],
];

/** A header a line; what a proxy, a browser or a mistake adds. */
const headers = [
  basic,
  'Authorization: Bearer x',
  'Authorization: DPoP x',
  'Authorization: Basic ====',
  'DPoP: eyJhbGciOiJFUzI1NiIsInR5cCI6ImRwb3Arand0IiwiandrIjp7fX0.e30.x',
  'Accept: text/html',
  'Accept: ;;,*/*;q=x',
  'Accept-Language: \xff',
  'Origin: https://evil.example',
  'Origin: null',
  'X-Forwarded-For: evil, 1.2.3.4',
  'X-Forwarded-Host: evil.example',
  'X-Identity-Subject: ada',
  'X-HTTP-Method-Override: PUT',
  'If-None-Match: *',
  'Range: bytes=0-0',
];
const types = [
  'application/json',
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded; charset=x',
];

const percentEncode = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

/** As it is, but for what would end the line or the parameter. */
const leaveRaw = (text: string): string =>
  Buffer.from(text)
    .toString('latin1')
    .replace(/[\s&#\0]/g, '+');

/** Requests for an endpoint: some of its parameters and others, with values that are right, near to it, and wild. */
export const requestsOf = ({ method, target, parameters }: Endpoint, scene: Scene): fc.Arbitrary<string> => {
  const known = Object.values(scene.used).concat(Object.values(scene.pending), [
    scene.form.csrf,
    scene.deviceForm.csrf,
    scene.accountForm.csrf,
  ]);
  const name = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...parameters) }, fc.constantFrom(...names));
  const value = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...values) },
    { weight: 2, arbitrary: fc.constantFrom(...known) },
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom('x', '\u2603', '%').map((unit) => unit.repeat(600)),
  );
  const encode = fc.constantFrom(percentEncode, percentEncode, leaveRaw);
  const parameter = fc
    .tuple(name, value, encode)
    .map(([key, text, encoded]) => `${encoded(key)}=${encoded(text).slice(0, 4_000)}`);
  const cookie = fc.constantFrom(scene.session, scene.form.cookie, '__Host-session=x; __Host-session.sig=%', '=;;=');
  const extra = fc.tuple(
    fc.subarray(headers, { maxLength: 3 }),
    fc.option(cookie).map((text) => (text === null ? [] : [`Cookie: ${text}`])),
  );
  const type = fc.option(fc.constantFrom(...types), { freq: 10 });
  return fc.tuple(fc.array(parameter, { maxLength: 7 }), extra, type).map(([pairs, lines, other]) => {
    const text = pairs.join('&');
    if (method === 'GET') return get(`${target}?${text}`, ...lines.flat());
    return other === null
      ? form(target, text, ...lines.flat())
      : send('POST', target, text, `Content-Type: ${other}`, ...lines.flat());
  });
};
