import { issuer } from '../../auth/testing/auth-fixture.ts';
import { basicOf, form, formIn, get, query, send } from '../http-request.ts';
import { addresses, type BadRequest, basic } from './bad-request.ts';

const bearer = (token: string): string => `Authorization: Bearer ${token}`;

/** Userinfo, introspection and revocation: what is done with tokens. */
export const tokenUse: readonly BadRequest[] = [
  ['userinfo without a token', get(addresses.userinfo), '401 oauth invalid_token'],
  ['userinfo with a token in the query', get(`${addresses.userinfo}?access_token=x`), '400 oauth invalid_request'],
  [
    'userinfo with an unsigned token',
    get(addresses.userinfo, 'Authorization: Bearer eyJhbGciOiJub25lIn0.e30.'),
    '401 oauth invalid_token',
  ],
  ['userinfo with bytes', get(addresses.userinfo, 'Authorization: Bearer \xff'), '401 oauth invalid_token'],
  ['userinfo with two tokens', form(addresses.userinfo, 'access_token=a&access_token=b'), '400 oauth invalid_request'],
  [
    'userinfo with a compressed body',
    form(addresses.userinfo, 'x', 'Content-Encoding: gzip'),
    '400 oauth invalid_request',
  ],
  [
    'userinfo with an unknown coding',
    form(addresses.userinfo, 'x', 'Content-Encoding: nonsense'),
    '400 oauth invalid_request',
  ],
  ['userinfo with 60 KB', form(addresses.userinfo, 'x'.repeat(60_000)), '400 oauth invalid_request'],
  ['userinfo by PUT', send('PUT', addresses.userinfo, 'x'), '404 problem not-found'],
  ['introspection at another address', form('/oauth2/token/introspection', 'token=x', basic), '404 problem not-found'],
  ['introspection by nobody', form(addresses.introspect, 'token=x'), '400 oauth invalid_request'],
  ['introspection of nothing', form(addresses.introspect, '', basic), '400 oauth invalid_request'],
  ['introspection of two', form(addresses.introspect, 'token=x&token=y', basic), '400 oauth invalid_request'],
  ['introspection of bytes', form(addresses.introspect, 'token=%00%ff%27', basic), '200 inactive'],
  ['introspection by GET', get('/oauth2/introspect?token=x', basic), '404 problem not-found'],
  ['revocation by nobody', form(addresses.revoke, 'token=x'), '400 oauth invalid_request'],
  ['revocation of nothing', form(addresses.revoke, '', basic), '400 oauth invalid_request'],
  ['revocation with a wrong secret', form(addresses.revoke, 'token=x', basicOf('shop:x')), '401 oauth invalid_client'],
  [
    'userinfo with a token in header and form',
    ({ accessToken }) => form(addresses.userinfo, query({ access_token: accessToken }), bearer(accessToken)),
    '400 oauth invalid_request',
  ],
  [
    'userinfo with two headers, of which the first counts',
    ({ accessToken }) => get(addresses.userinfo, bearer(accessToken), bearer('x')),
    '200 json',
  ],
  ['userinfo with an ID token', ({ idToken }) => get(addresses.userinfo, bearer(idToken)), '401 oauth invalid_token'],
  [
    'userinfo with a refresh token',
    ({ appRefreshToken }) => get(addresses.userinfo, bearer(appRefreshToken)),
    '401 oauth invalid_token',
  ],
  [
    'userinfo with another scheme',
    ({ accessToken }) => get(addresses.userinfo, `Authorization: Token ${accessToken}`),
    '400 oauth invalid_request',
  ],
  [
    'userinfo with a token as if it were bound',
    ({ accessToken }) => get(addresses.userinfo, `Authorization: DPoP ${accessToken}`),
    '400 oauth invalid_request',
  ],
  ['userinfo with a token of 10 KB', get(addresses.userinfo, bearer('x'.repeat(10_000))), '401 oauth invalid_token'],
  [
    'userinfo with a token of another issuer',
    async ({ signAsIssuer }) =>
      get(
        addresses.userinfo,
        bearer(await signAsIssuer({ iss: 'https://evil.example', aud: issuer, sub: 'x', exp: 4e9 }, { typ: 'at+jwt' })),
      ),
    '401 oauth invalid_token',
  ],
  [
    'userinfo with a token without an end',
    async ({ signAsIssuer }) =>
      get(
        addresses.userinfo,
        bearer(
          await signAsIssuer({ iss: issuer, aud: issuer, sub: 'x', client_id: 'shop', jti: 'x' }, { typ: 'at+jwt' }),
        ),
      ),
    '401 oauth invalid_token',
  ],
  [
    'userinfo with a token whose subject is a number',
    async ({ signAsIssuer }) =>
      get(
        addresses.userinfo,
        bearer(
          await signAsIssuer(
            { iss: issuer, aud: issuer, sub: 1, client_id: 'shop', jti: 'x', exp: 4e9 },
            { typ: 'at+jwt' },
          ),
        ),
      ),
    '401 oauth invalid_token',
  ],
  [
    'userinfo with a token whose times are text',
    async ({ signAsIssuer }) =>
      get(
        addresses.userinfo,
        bearer(
          await signAsIssuer(
            { iss: issuer, aud: issuer, sub: 'x', client_id: 'shop', jti: 'x', exp: 'never' },
            { typ: 'at+jwt' },
          ),
        ),
      ),
    '401 oauth invalid_token',
  ],
  [
    'userinfo with a token with a null byte in it',
    async ({ signAsIssuer }) =>
      get(
        addresses.userinfo,
        bearer(
          await signAsIssuer(
            {
              iss: issuer,
              aud: issuer,
              sub: 'x',
              client_id: 'shop',
              jti: 'x\0',
              gid: '\0',
              scope: 'openid',
              exp: 4e9,
              iat: 1,
            },
            { typ: 'at+jwt' },
          ),
        ),
      ),
    '401 oauth invalid_token',
  ],
  [
    'userinfo with a token of a grant that there is not',
    async ({ signAsIssuer }) =>
      get(
        addresses.userinfo,
        bearer(
          await signAsIssuer(
            {
              iss: issuer,
              aud: issuer,
              sub: 'x',
              client_id: 'shop',
              jti: 'x',
              gid: 'x',
              scope: 'openid',
              exp: 4e9,
              iat: 1,
            },
            { typ: 'at+jwt' },
          ),
        ),
      ),
    '401 oauth invalid_token',
  ],
  ['userinfo of another charset', formIn('utf-16', addresses.userinfo, 'access_token=x'), '400 oauth invalid_request'],
  [
    'introspection with a public client\u2019s name',
    form(addresses.introspect, 'token=x&client_id=app'),
    '200 inactive',
  ],
  [
    'introspection with a wrong secret',
    form(addresses.introspect, 'token=x', basicOf('shop:x')),
    '401 oauth invalid_client',
  ],
  [
    'introspection with a bearer token',
    ({ accessToken }) => form(addresses.introspect, query({ token: accessToken }), bearer(accessToken)),
    '400 oauth invalid_request',
  ],
  [
    'introspection with a hint that is none',
    form(addresses.introspect, 'token=x&token_type_hint=%00', basic),
    '200 inactive',
  ],
  ['introspection of 50 KB', form(addresses.introspect, `token=${'x'.repeat(50_000)}`, basic), '200 inactive'],
  [
    'introspection in JSON',
    send('POST', addresses.introspect, '{"token":"x"}', 'Content-Type: application/json', basic),
    '400 oauth invalid_request',
  ],
  [
    'introspection of another charset',
    formIn('utf-7', addresses.introspect, 'token=x', basic),
    '400 oauth invalid_request',
  ],
  [
    'introspection of a null byte within a token of ours',
    async ({ signAsIssuer }) =>
      form(
        addresses.introspect,
        query({
          token: await signAsIssuer(
            { iss: issuer, aud: 'x', sub: 'x\0', client_id: 'shop', jti: '\0', gid: '\0', exp: 4e9, iat: 1 },
            { typ: 'at+jwt' },
          ),
        }),
        basic,
      ),
    '200 inactive',
  ],
  [
    'introspection of a nested JWT',
    async ({ signAsIssuer, accessToken }) =>
      form(addresses.introspect, query({ token: await signAsIssuer({ token: accessToken }, { cty: 'JWT' }) }), basic),
    '200 inactive',
  ],
  [
    'introspection of what was used',
    ({ used }) => form(addresses.introspect, query({ token: used.refreshToken }), basic),
    '200 inactive',
  ],
  ['revocation of two', form(addresses.revoke, 'token=x&token=y', basic), '400 oauth invalid_request'],
  ['revocation of bytes', form(addresses.revoke, 'token=%00%ff%27', basic), '200 empty'],
  ['revocation by GET', get(`${addresses.revoke}?token=x`, basic), '404 problem not-found'],
  [
    'revocation of another client\u2019s token',
    ({ appRefreshToken }) => form(addresses.revoke, query({ token: appRefreshToken }), basic),
    '400 oauth invalid_request',
  ],
  [
    'revocation of a token with a null byte in it',
    async ({ signAsIssuer }) =>
      form(
        addresses.revoke,
        query({
          token: await signAsIssuer(
            { iss: issuer, aud: 'x', sub: 'x', client_id: 'shop', jti: '\0', exp: 4e9, iat: 1 },
            { typ: 'at+jwt' },
          ),
        }),
        basic,
      ),
    '200 empty',
  ],
  [
    'revocation with a hint twice',
    form(addresses.revoke, 'token=x&token_type_hint=a&token_type_hint=b', basic),
    '400 oauth invalid_request',
  ],
  [
    'revocation of a session\u2019s cookie',
    ({ session }) => form(addresses.revoke, query({ token: session }), basic),
    '200 empty',
  ],
  [
    'revocation in parts',
    send('POST', addresses.revoke, '--x--', 'Content-Type: multipart/form-data; boundary=x', basic),
    '400 oauth invalid_request',
  ],
];
