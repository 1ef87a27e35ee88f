import { issuer } from '../../auth/testing/auth-fixture.ts';
import { basicOf, form, get, query, send } from '../http-request.ts';
import type { OpenForm, Scene } from '../scene.ts';
import { addresses, type BadRequest, basic } from './bad-request.ts';

/** A form of a page, sent with its cookies; `body` follows its token. */
const submit = ({ path, cookie, csrf }: OpenForm, action: string, body: string): string =>
  form(`${path}${action}`, `csrf=${csrf}&${body}`, `Cookie: ${cookie}`);
const guess = 'email=ada%40example.test&password=x';

/** The fields of sign-in and registration, each tried at both. */
export const fields: readonly string[] = [
  'email=a&email=b&password=x&password=y',
  'email[a]=1&password[]=2&__proto__[a]=1',
  'email=%00&password=%00',
  'email=ada%40example.test&password=%ED%A0%80%ff',
  'email=a%0d%0aBcc:b%40example.test&password=x',
  `email=${'a'.repeat(5_000)}&password=${'b'.repeat(9_000)}`,
  'email=x%40xn--a.example&password=x',
  'email=x%40%5B192.0.2.1%5D&password=x',
  `email=${encodeURIComponent("' OR 1=1 --@example.test")}&password=x`,
  `email=${encodeURIComponent('<script>@example.test')}&password=${encodeURIComponent('{{7*7}}<%= 7 %>')}`,
  '',
];

/** A form of the device page, with the session's cookies. */
const device = ({ deviceForm: { cookie, csrf } }: Scene, body: string, xsrf = csrf): string =>
  form(addresses.device, `xsrf=${encodeURIComponent(xsrf)}&${body}`, `Cookie: ${cookie}`);

/** What browsers are led through: sign-in, device page, sign-out; and how a device begins. */
export const pages: readonly BadRequest[] = [
  ['an interaction without its cookie', get('/oauth2/interaction/abc'), '400 page'],
  ['a sign-in without its cookie', form('/oauth2/interaction/abc/sign-in', 'email=a&password=b'), '400 page'],
  [
    'a sign-in in JSON',
    send('POST', '/oauth2/interaction/a/sign-in', '{}', 'Content-Type: application/json'),
    '400 page',
  ],
  [
    'a sign-in of 20 KB',
    form('/oauth2/interaction/abc/sign-in', `email=${'x'.repeat(20_000)}`),
    '413 problem body-too-large',
  ],
  ['a reload of a form\u2019s address', get('/oauth2/interaction/%22%3E/cancel'), '303 to /oauth2/interaction'],
  [
    'a sign-out with another\u2019s address',
    get(`${addresses.signOut}?client_id=shop&post_logout_redirect_uri=https://evil.example`),
    '400 oauth invalid_request',
  ],
  [
    'a sign-out with an unsigned hint',
    get(`${addresses.signOut}?id_token_hint=eyJhbGciOiJub25lIn0.e30.`),
    '400 oauth invalid_client',
  ],
  ['a sign-out with null bytes', get(`${addresses.signOut}?client_id=%00&state=%00`), '400 oauth invalid_client'],
  [
    'a sign-out that nobody asked for',
    form(`${addresses.signOut}/confirm`, 'xsrf=x&xsrf=y&logout=yes'),
    '400 oauth invalid_request',
  ],
  ['an asset named __proto__', get('/oauth2/assets/__proto__'), '404 problem not-found'],
  [
    'registration of a client',
    send('POST', '/oauth2/reg', '{}', 'Content-Type: application/json'),
    '404 problem not-found',
  ],
  [
    'a sign-in with the token of another form',
    ({ form: own, otherForm }) => submit({ ...own, csrf: otherForm.csrf }, '/sign-in', guess),
    '403 page',
  ],
  [
    'a sign-in with the cookies of another browser',
    ({ form: own, otherForm }) => submit({ ...own, cookie: otherForm.cookie }, '/sign-in', guess),
    '400 page',
  ],
  ['a sign-in with two tokens', ({ form: own }) => submit(own, '/sign-in', `csrf=${own.csrf}&${guess}`), '403 page'],
  [
    'a sign-in with a token of bytes',
    ({ form: own }) => submit({ ...own, csrf: '%00%ff' }, '/sign-in', guess),
    '403 page',
  ],
  [
    'a sign-in by GET',
    ({ form: { path, cookie } }) => get(`${path}/sign-in?${guess}`, `Cookie: ${cookie}`),
    '303 to /oauth2/interaction',
  ],
  [
    'a sign-in by PUT',
    ({ form: { path, cookie } }) => send('PUT', `${path}/sign-in`, guess, `Cookie: ${cookie}`),
    '404 problem not-found',
  ],
  ['an action that there is not', ({ form: own }) => submit(own, '/become-admin', ''), '404 problem not-found'],
  ['a cancel with an old token', ({ form: own }) => submit({ ...own, csrf: 'old' }, '/cancel', ''), '403 page'],
  [
    'a form of 300 parameters',
    ({ form: own }) => submit(own, '/sign-in', `${guess}${'&a=b'.repeat(300)}`),
    '413 problem unreadable-body',
  ],
  [
    'a form of 3,000 parameters',
    ({ form: own }) => submit(own, '/sign-in', `${guess}${'&a=b'.repeat(3_000)}`),
    '413 problem unreadable-body',
  ],
  ['a device page with a code in the address twice', get(`${addresses.device}?user_code=a&user_code=b`), '200 page'],
  ['a device page with a script in the address', get(`${addresses.device}?user_code=%22%3E%3Cscript%3E`), '200 page'],
  ['a device page with a null byte in the address', get(`${addresses.device}?user_code=%00`), '200 page'],
  ['a device page with 8 KB in the address', get(`${addresses.device}?user_code=${'B'.repeat(8_000)}`), '200 page'],
  ['a device code without a session', form(addresses.device, 'xsrf=x&user_code=BCDF-GHJK'), '400 page'],
  [
    'a device code with an old token',
    (scene) => device(scene, `user_code=${scene.pending.userCode}`, 'old'),
    '400 page',
  ],
  [
    'a device code with the token of another form',
    (scene) => device(scene, `user_code=${scene.pending.userCode}`, scene.otherForm.csrf),
    '400 page',
  ],
  ['a device code that was used', (scene) => device(scene, `user_code=${scene.used.userCode}`), '400 page'],
  ['a device code that there is not', (scene) => device(scene, 'user_code=BBBB-BBBB'), '400 page'],
  ['a device code of bytes', (scene) => device(scene, 'user_code=%00%ff'), '400 page'],
  ['two device codes', (scene) => device(scene, 'user_code=a&user_code=b'), '400 page'],
  [
    'an agreement to a device code that was used',
    (scene) => device(scene, `user_code=${scene.used.userCode}&confirm=yes`),
    '400 page',
  ],
  [
    'an agreement and a refusal at once',
    (scene) => device(scene, `user_code=${scene.used.userCode}&confirm=yes&abort=yes`),
    '400 page',
  ],
  ['a device page by PUT', send('PUT', addresses.device, 'x'), '404 problem not-found'],
  ['a device that is nobody', form(addresses.deviceAuthorization, 'scope=openid'), '400 oauth invalid_request'],
  [
    'a device of an unknown client',
    form(addresses.deviceAuthorization, 'client_id=nobody'),
    '401 oauth invalid_client',
  ],
  [
    'a device of a client without the grant',
    form(addresses.deviceAuthorization, 'client_id=app'),
    '400 oauth invalid_request',
  ],
  [
    'a device with two clients',
    form(addresses.deviceAuthorization, 'client_id=television&client_id=app'),
    '400 oauth invalid_request',
  ],
  [
    'a device with a scope beyond the client\u2019s, which is left out',
    form(addresses.deviceAuthorization, 'client_id=television&scope=openid+admin'),
    '200 json',
  ],
  [
    'a device with a resource that is not the client\u2019s',
    form(addresses.deviceAuthorization, 'client_id=television&scope=openid&resource=https://evil.example'),
    '400 oauth invalid_target',
  ],
  [
    'a device with an age that is none',
    form(addresses.deviceAuthorization, 'client_id=television&scope=openid&max_age=x'),
    '400 oauth invalid_request',
  ],
  [
    'a device with a wrong secret',
    form(addresses.deviceAuthorization, 'scope=openid', basicOf('shop:x')),
    '401 oauth invalid_client',
  ],
  [
    'a device in JSON',
    send('POST', addresses.deviceAuthorization, '{}', 'Content-Type: application/json', basic),
    '400 oauth invalid_request',
  ],
  ['a device by GET', get(`${addresses.deviceAuthorization}?client_id=television`), '404 problem not-found'],
  [
    'a sign-out with a hint of another issuer',
    async ({ signAsIssuer }) =>
      get(
        `${addresses.signOut}?${query({ id_token_hint: await signAsIssuer({ iss: 'https://evil.example', aud: 'shop', sub: 'x' }) })}`,
      ),
    '400 oauth invalid_request',
  ],
  [
    'a sign-out with a hint for another client',
    async ({ signAsIssuer }) =>
      get(
        `${addresses.signOut}?${query({ client_id: 'shop', id_token_hint: await signAsIssuer({ iss: issuer, aud: 'app', sub: 'x' }) })}`,
      ),
    '400 oauth invalid_request',
  ],
  [
    'a sign-out with a hint with a null byte in it',
    async ({ signAsIssuer }) =>
      get(
        `${addresses.signOut}?${query({ client_id: 'shop', id_token_hint: await signAsIssuer({ iss: issuer, aud: 'shop', sub: '\0', sid: '\0' }) })}`,
      ),
    '200 page',
  ],
  [
    'a sign-out with an access token as a hint',
    ({ accessToken }) => get(`${addresses.signOut}?${query({ client_id: 'shop', id_token_hint: accessToken })}`),
    '400 oauth invalid_request',
  ],
  [
    'a sign-out to a script',
    get(`${addresses.signOut}?client_id=shop&post_logout_redirect_uri=javascript:alert(1)`),
    '400 oauth invalid_request',
  ],
  ['a sign-out of an unknown client', get(`${addresses.signOut}?client_id=nobody`), '400 oauth invalid_client'],
  [
    'a sign-out with two clients',
    get(`${addresses.signOut}?client_id=shop&client_id=app`),
    '400 oauth invalid_request',
  ],
  [
    'a confirmed sign-out with the token of another session',
    ({ session, otherForm }) =>
      form(`${addresses.signOut}/confirm`, `xsrf=${otherForm.csrf}&logout=yes`, `Cookie: ${session}`),
    '400 oauth invalid_request',
  ],
  ['a sign-out by DELETE', send('DELETE', addresses.signOut, ''), '404 problem not-found'],
  ['an asset above its folder', get('/oauth2/assets/..%2f..%2fservice.ts'), '400 problem ambiguous-path'],
  ['an asset with a null byte', get('/oauth2/assets/style.css%00'), '400 problem ambiguous-path'],
];
