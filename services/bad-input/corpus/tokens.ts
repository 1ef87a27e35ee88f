import { shopSecret } from '../../auth/testing/auth-fixture.ts';
import { deviceCodeGrantType } from '../../shared/contracts/client-registration.ts';
import { basicOf, chunked, form, formIn, get, query, send } from '../http-request.ts';
import { addresses, type BadRequest, basic, machine } from './bad-request.ts';

const grant = (parameters: Record<string, string>, ...headers: string[]): string =>
  form(addresses.token, query(parameters), ...headers);

export const tokens: readonly BadRequest[] = [
  ['a GET', get(addresses.token), '404 problem not-found'],
  ['nothing', form(addresses.token, ''), '400 oauth invalid_request'],
  ['a parameter twice', form(addresses.token, `${machine}&${machine}`, basic), '400 oauth invalid_request'],
  [
    'nested parameters',
    form(addresses.token, 'grant_type[a]=client_credentials&scope[]=x', basic),
    '400 oauth invalid_request',
  ],
  ['a null byte', form(addresses.token, `${machine}%00`, basic), '400 oauth unsupported_grant_type'],
  ['a raw null byte', form(addresses.token, `${machine}\0`, basic), '400 oauth unsupported_grant_type'],
  [
    'names of JavaScript',
    form(addresses.token, 'grant_type=__proto__&__proto__=x&constructor=y', basic),
    '400 oauth unsupported_grant_type',
  ],
  ['a null byte in the scope', form(addresses.token, `${machine}&scope=%00`, basic), '400 oauth invalid_scope'],
  [
    'two resources',
    form(addresses.token, `${machine}&resource=https://a.example&resource=https://b.example`, basic),
    '400 oauth invalid_target',
  ],
  ['another charset', formIn('utf-7', addresses.token, machine, basic), '400 oauth invalid_request'],
  [
    'a compressed body',
    form(addresses.token, 'not gzip', 'Content-Encoding: gzip', basic),
    '400 oauth invalid_request',
  ],
  ['JSON', send('POST', addresses.token, '{}', 'Content-Type: application/json', basic), '400 oauth invalid_request'],
  [
    'a type that is none',
    send('POST', addresses.token, machine, 'Content-Type: ;;;', basic),
    '400 oauth invalid_request',
  ],
  ['60 KB', form(addresses.token, `${machine}&x=${'x'.repeat(60_000)}`, basic), '400 oauth invalid_request'],
  ['12,000 parameters', form(addresses.token, 'a=1&'.repeat(12_000), basic), '400 oauth invalid_request'],
  [
    '60 KB in chunks',
    chunked(addresses.token, `${(60_000).toString(16)}\r\n${'x'.repeat(60_000)}\r\n`, '0\r\n\r\n'),
    '400 oauth invalid_request',
  ],
  [
    'credentials that are none',
    form(addresses.token, machine, 'Authorization: Basic !!!'),
    '400 oauth invalid_request',
  ],
  [
    'credentials with escapes that are none',
    form(addresses.token, machine, basicOf('%zz:%zz')),
    '400 oauth invalid_request',
  ],
  ['credentials beyond ASCII', form(addresses.token, machine, basicOf('sh\u2603"p\0:x')), '400 oauth invalid_request'],
  ['a client named __proto__', form(addresses.token, machine, basicOf('__proto__:x')), '401 oauth invalid_client'],
  [
    'credentials twice',
    form(addresses.token, `${machine}&client_id=shop&client_secret=x`, basic),
    '400 oauth invalid_request',
  ],
  [
    'another client beside one\u2019s own',
    form(addresses.token, `${machine}&client_id=app`, basic),
    '400 oauth invalid_request',
  ],
  ['a public client as a machine', form(addresses.token, `${machine}&client_id=app`), '400 oauth invalid_request'],
  [
    'a code of bytes',
    form(addresses.token, 'grant_type=authorization_code&code=%00%ff&redirect_uri=%00', basic),
    '400 oauth invalid_grant',
  ],
  [
    'a refresh token of bytes',
    form(addresses.token, 'grant_type=refresh_token&refresh_token=%00%ff%27', basic),
    '400 oauth invalid_grant',
  ],
  [
    'a header that Connection takes away',
    form(addresses.token, machine, basic, 'Connection: authorization'),
    '400 oauth invalid_request',
  ],
  ['a method in a header', form(addresses.token, '', 'X-HTTP-Method-Override: DELETE'), '400 oauth invalid_request'],
  [
    'a grant that there is not',
    grant({ grant_type: 'password', username: 'ada', password: 'x' }, basic),
    '400 oauth unsupported_grant_type',
  ],
  ['an unknown client', form(addresses.token, machine, basicOf('nobody:x')), '401 oauth invalid_client'],
  ['a wrong secret', form(addresses.token, machine, basicOf('shop:wrong')), '401 oauth invalid_client'],
  ['an empty secret', form(addresses.token, machine, basicOf('shop:')), '400 oauth invalid_request'],
  [
    'a secret of 50 KB in the form',
    grant({ grant_type: 'client_credentials', client_id: 'shop', client_secret: 'x'.repeat(50_000) }),
    '401 oauth invalid_client',
  ],
  [
    'a secret in the query',
    form(`${addresses.token}?client_id=shop&client_secret=${shopSecret}`, machine),
    '400 oauth invalid_request',
  ],
  [
    'the secret as a bearer token',
    form(addresses.token, machine, `Authorization: Bearer ${shopSecret}`),
    '400 oauth invalid_request',
  ],
  [
    'credentials in two headers, of which the first counts',
    form(addresses.token, machine, basic, basicOf('app:x')),
    '200 json',
  ],
  [
    'an assertion that is none',
    grant({
      grant_type: 'client_credentials',
      client_id: 'shop',
      client_assertion: 'x',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    }),
    '400 oauth invalid_request',
  ],
  [
    'an unsigned assertion',
    grant({
      grant_type: 'client_credentials',
      client_id: 'signing',
      client_assertion: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJzaWduaW5nIn0.',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    }),
    '401 oauth invalid_client',
  ],
  [
    'an assertion of another type',
    grant({ grant_type: 'client_credentials', client_assertion: 'x', client_assertion_type: 'saml' }),
    '400 oauth invalid_request',
  ],
  [
    'a scope beyond the client\u2019s, which is left out',
    form(addresses.token, `${machine}&scope=admin`, basic),
    '200 json',
  ],
  [
    'a scope twice',
    form(addresses.token, `${machine}&scope=orders:read&scope=orders:read`, basic),
    '400 oauth invalid_request',
  ],
  [
    'a resource that is not the client\u2019s',
    form(addresses.token, `${machine}&resource=https://evil.example`, basic),
    '400 oauth invalid_target',
  ],
  [
    'a resource with a fragment',
    form(addresses.token, `${machine}&resource=https://api.shop.example%23x`, basic),
    '400 oauth invalid_target',
  ],
  ['no code', grant({ grant_type: 'authorization_code' }, basic), '400 oauth invalid_request'],
  [
    'a code of 10 KB',
    grant(
      {
        grant_type: 'authorization_code',
        code: 'x'.repeat(10_000),
        redirect_uri: 'https://shop.example/callback',
        code_verifier: 'x'.repeat(43),
      },
      basic,
    ),
    '400 oauth invalid_grant',
  ],
  [
    'a code that was used',
    ({ used }) =>
      grant(
        {
          grant_type: 'authorization_code',
          code: used.code,
          redirect_uri: 'https://shop.example/callback',
          code_verifier: used.verifier,
        },
        basic,
      ),
    '400 oauth invalid_grant',
  ],
  [
    'a used code without its verifier',
    ({ used }) =>
      grant(
        { grant_type: 'authorization_code', code: used.code, redirect_uri: 'https://shop.example/callback' },
        basic,
      ),
    '400 oauth invalid_grant',
  ],
  [
    'an access token as a code',
    ({ accessToken }) =>
      grant(
        {
          grant_type: 'authorization_code',
          code: accessToken,
          redirect_uri: 'https://shop.example/callback',
          code_verifier: 'x'.repeat(43),
        },
        basic,
      ),
    '400 oauth invalid_grant',
  ],
  [
    'a refresh token that was used',
    ({ used }) => grant({ grant_type: 'refresh_token', refresh_token: used.refreshToken }, basic),
    '400 oauth invalid_grant',
  ],
  [
    'the same once more',
    ({ used }) => grant({ grant_type: 'refresh_token', refresh_token: used.refreshToken }, basic),
    '400 oauth invalid_grant',
  ],
  [
    'a refresh token of another client',
    ({ appRefreshToken }) => grant({ grant_type: 'refresh_token', refresh_token: appRefreshToken }, basic),
    '400 oauth invalid_grant',
  ],
  [
    'a refresh token with another letter',
    ({ appRefreshToken }) =>
      grant({ grant_type: 'refresh_token', refresh_token: `${appRefreshToken.slice(0, -1)}!`, client_id: 'app' }),
    '400 oauth invalid_grant',
  ],
  [
    'a refresh token with a longer scope',
    ({ appRefreshToken }) =>
      grant({
        grant_type: 'refresh_token',
        refresh_token: appRefreshToken,
        client_id: 'app',
        scope: 'openid email admin',
      }),
    '400 oauth invalid_scope',
  ],
  [
    'a refresh token twice',
    ({ appRefreshToken }) =>
      form(
        addresses.token,
        `grant_type=refresh_token&client_id=app&refresh_token=${appRefreshToken}&refresh_token=${appRefreshToken}`,
      ),
    '400 oauth invalid_request',
  ],
  [
    'a refresh token of an endless day',
    grant({ grant_type: 'refresh_token', refresh_token: `${'9'.repeat(30)}~x` }, basic),
    '400 oauth invalid_grant',
  ],
  [
    'a refresh token of a day before all days',
    grant({ grant_type: 'refresh_token', refresh_token: '-1~x' }, basic),
    '400 oauth invalid_grant',
  ],
  [
    'a device code that was used',
    ({ used }) => grant({ grant_type: deviceCodeGrantType, device_code: used.deviceCode, client_id: 'television' }),
    '400 oauth invalid_grant',
  ],
  [
    'a device code of another client',
    ({ pending }) => grant({ grant_type: deviceCodeGrantType, device_code: pending.deviceCode, client_id: 'app' }),
    '400 oauth invalid_request',
  ],
  [
    'a device code that nobody agreed to',
    ({ pending }) =>
      grant({ grant_type: deviceCodeGrantType, device_code: pending.deviceCode, client_id: 'television' }),
    '400 oauth authorization_pending',
  ],
  [
    'a user code as a device code',
    ({ pending }) => grant({ grant_type: deviceCodeGrantType, device_code: pending.userCode, client_id: 'television' }),
    '400 oauth invalid_grant',
  ],
  [
    'a device code of bytes',
    form(addresses.token, `grant_type=${deviceCodeGrantType}&client_id=television&device_code=%00%ff`),
    '400 oauth invalid_grant',
  ],
  [
    'an exchange of tokens',
    ({ accessToken }) =>
      grant({ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: accessToken }, basic),
    '400 oauth unsupported_grant_type',
  ],
  [
    'XML',
    send(
      'POST',
      addresses.token,
      '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
      'Content-Type: application/xml',
      basic,
    ),
    '400 oauth invalid_request',
  ],
  [
    'a form in parts',
    send(
      'POST',
      addresses.token,
      '--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nclient_credentials\r\n--x--',
      'Content-Type: multipart/form-data; boundary=x',
      basic,
    ),
    '400 oauth invalid_request',
  ],
  [
    'a form with two types',
    send(
      'POST',
      addresses.token,
      machine,
      'Content-Type: application/json',
      'Content-Type: application/x-www-form-urlencoded',
      basic,
    ),
    '400 oauth invalid_request',
  ],
  ['a form without a type', send('POST', addresses.token, machine, basic), '400 oauth invalid_request'],
  ['PUT', send('PUT', addresses.token, machine, basic), '404 problem not-found'],
  ['HEAD', `${get(addresses.token).replace('GET', 'HEAD')}`, '404 empty'],
];
