import { issuer } from '../../auth/testing/auth-fixture.ts';
import { form, formIn, get } from '../http-request.ts';
import { addresses, authorize, authorizeWith, type BadRequest, goodRequest } from './bad-request.ts';

/** Without a session the answer to a good request is a page; `prompt=none` tells what becomes of it by an error. */
export const authorization: readonly BadRequest[] = [
  ['nothing', get(addresses.authorize), '400 page'],
  ['two clients', authorizeWith('&client_id=app'), '400 page'],
  ['two addresses', authorizeWith('&redirect_uri=https://evil.example'), '303 to https://shop.example invalid_request'],
  ['nested parameters', get(`${addresses.authorize}?client_id[a]=shop&redirect_uri[]=x&__proto__[x]=1`), '400 page'],
  ['a null byte', get(`${addresses.authorize}?client_id=sh%00op`), '400 page'],
  [
    'line breaks in the state',
    authorizeWith('&prompt=none&state=%0d%0aSet-Cookie:%20a=b%E2%98%83'),
    '303 to https://shop.example login_required',
  ],
  [
    'escapes and bytes that are none',
    authorizeWith('&prompt=none&state=%zz%ff%fe%'),
    '303 to https://shop.example login_required',
  ],
  ['a script in the state', authorizeWith('&prompt=none&response_mode=form_post&state=%3C/script%3E'), '400 page'],
  [
    'an unsigned hint',
    authorizeWith('&prompt=none&id_token_hint=eyJhbGciOiJub25lIn0.e30.'),
    '303 to https://shop.example invalid_request',
  ],
  [
    'a request object by address',
    authorizeWith('&request_uri=http://127.0.0.1:1/'),
    '303 to https://shop.example request_uri_not_supported',
  ],
  [
    'a resource that is no address',
    authorizeWith('&resource=http://%5b'),
    '303 to https://shop.example invalid_target',
  ],
  ['an endless age', authorizeWith(`&max_age=${'9'.repeat(40)}`), '303 to https://shop.example invalid_request'],
  [
    'cookies that are none',
    get(addresses.authorize, 'Cookie: __Host-session=%zz; __Host-session.sig=%;=;;\xff'),
    '400 page',
  ],
  ['another charset', formIn('utf-16', addresses.authorize, 'a=b'), '400 oauth invalid_request'],
  ['a form', form(addresses.authorize, 'client_id=shop'), '404 problem not-found'],
  ['a way back that nobody began', get(`${addresses.authorize}/__proto__`, 'Accept: text/html'), '400 page'],
  ['an unknown client', authorize({ client_id: 'nobody' }), '400 page'],
  ['a client named __proto__', authorize({ client_id: '__proto__' }), '400 page'],
  ['a client that is a machine', authorize({ client_id: 'television' }), '400 page'],
  ['another redirect URI', authorize({ redirect_uri: 'https://evil.example/callback' }), '400 page'],
  [
    'a redirect URI with a path below',
    authorize({ redirect_uri: 'https://shop.example/callback/../evil' }),
    '400 page',
  ],
  ['a redirect URI with a query', authorize({ redirect_uri: 'https://shop.example/callback?x=1' }), '400 page'],
  ['a redirect URI with a fragment', authorize({ redirect_uri: 'https://shop.example/callback#x' }), '400 page'],
  ['a redirect URI with a user', authorize({ redirect_uri: 'https://shop.example@evil.example/callback' }), '400 page'],
  ['a redirect URI in capitals', authorize({ redirect_uri: 'HTTPS://SHOP.EXAMPLE/callback' }), '400 page'],
  ['a redirect URI without TLS', authorize({ redirect_uri: 'http://shop.example/callback' }), '400 page'],
  ['a redirect URI that is a script', authorize({ redirect_uri: 'javascript:alert(1)' }), '400 page'],
  ['a redirect URI that is a null byte', authorize({ redirect_uri: '\0' }), '400 page'],
  ['a redirect URI of another client', authorize({ redirect_uri: 'https://app.example/callback' }), '400 page'],
  ['no redirect URI', authorize({ redirect_uri: undefined }), '303 to /oauth2/interaction'],
  [
    'the implicit flow',
    authorize({ response_type: 'id_token', nonce: 'x' }),
    '303 to https://shop.example unsupported_response_type',
  ],
  [
    'a token in the address',
    authorize({ response_type: 'token' }),
    '303 to https://shop.example unsupported_response_type',
  ],
  ['no response type', authorize({ response_type: undefined }), '303 to https://shop.example invalid_request'],
  ['a response type twice', authorizeWith('&response_type=code'), '303 to https://shop.example invalid_request'],
  [
    'no PKCE',
    authorize({ code_challenge: undefined, code_challenge_method: undefined }),
    '303 to https://shop.example invalid_request',
  ],
  ['PKCE in plain', authorize({ code_challenge_method: 'plain' }), '303 to https://shop.example invalid_request'],
  ['a short challenge', authorize({ code_challenge: 'x' }), '303 to https://shop.example invalid_request'],
  [
    'a challenge of other characters',
    authorize({ code_challenge: '\u2603'.repeat(43) }),
    '303 to https://shop.example invalid_request',
  ],
  [
    'a scope beyond the client\u2019s',
    authorize({ scope: 'openid admin', prompt: 'none' }),
    '303 to https://shop.example login_required',
  ],
  [
    'a scope of 5,000 words',
    authorize({ scope: 'a '.repeat(3_000), prompt: 'none' }),
    '303 to https://shop.example invalid_scope',
  ],
  [
    'a resource that is not the client\u2019s',
    authorize({ resource: 'https://evil.example' }),
    '303 to https://shop.example invalid_target',
  ],
  [
    'prompts that exclude each other',
    authorize({ prompt: 'none login' }),
    '303 to https://shop.example invalid_request',
  ],
  ['an unknown prompt', authorize({ prompt: 'create' }), '303 to https://shop.example invalid_request'],
  [
    'an unknown response mode',
    authorize({ response_mode: 'telepathy' }),
    '303 to https://shop.example unsupported_response_mode',
  ],
  ['an age before birth', authorize({ max_age: '-1' }), '303 to https://shop.example invalid_request'],
  [
    'claims that are no JSON',
    authorize({ claims: '{{', prompt: 'none' }),
    '303 to https://shop.example invalid_request',
  ],
  [
    'a claim named __proto__',
    authorize({ claims: '{"__proto__":{"x":1}}', prompt: 'none' }),
    '303 to https://shop.example invalid_request',
  ],
  [
    'registration in the request',
    authorize({ registration: '{}' }),
    '303 to https://shop.example registration_not_supported',
  ],
  [
    'a level that there is not',
    authorize({ acr_values: 'x'.repeat(2_000), prompt: 'none' }),
    '303 to https://shop.example login_required',
  ],
  [
    'a state of 4 KB',
    authorize({ state: 'x'.repeat(4_096), prompt: 'none' }),
    '303 to https://shop.example login_required',
  ],
  ['a DPoP thumbprint that is none', authorize({ dpop_jkt: 'x' }), '303 to /oauth2/interaction'],
  [
    'a hint of another issuer',
    async ({ signAsIssuer }) =>
      authorize({
        prompt: 'none',
        id_token_hint: await signAsIssuer({ iss: 'https://evil.example', aud: 'shop', sub: 'x' }),
      }),
    '303 to https://shop.example invalid_request',
  ],
  [
    'a hint of another client',
    async ({ signAsIssuer }) =>
      authorize({ prompt: 'none', id_token_hint: await signAsIssuer({ iss: issuer, aud: 'app', sub: 'x' }) }),
    '303 to https://shop.example invalid_request',
  ],
  [
    'a hint that is an access token',
    ({ accessToken }) => authorize({ prompt: 'none', id_token_hint: accessToken }),
    '303 to https://shop.example invalid_request',
  ],
  [
    'a session whose signature is of another cookie',
    ({ session, form: { cookie } }) =>
      authorize(
        { prompt: 'none' },
        `Cookie: ${session.replace(/(__Host-session\.sig)=[^;]*/, `$1=${/\.sig=([^;]*)/.exec(cookie)?.[1]}`)}`,
      ),
    '303 to https://shop.example login_required',
  ],
  [
    'a session without its signature',
    ({ session }) => authorize({ prompt: 'none' }, `Cookie: ${session.replace(/__Host-session\.sig=[^;]*/, '')}`),
    '303 to https://shop.example login_required',
  ],
  [
    'a session that is a string of zeros',
    authorize({ prompt: 'none' }, `Cookie: __Host-session=${'0'.repeat(43)}`),
    '303 to https://shop.example login_required',
  ],
  [
    'sessions by the hundred',
    authorize({ prompt: 'none' }, `Cookie: ${'__Host-session=x; '.repeat(300)}`),
    '303 to https://shop.example login_required',
  ],
  [
    'a way back with another\u2019s cookies',
    ({ form: { path, cookie } }) =>
      get(path.replace(addresses.interaction, addresses.authorize).replace(/.$/, 'x'), `Cookie: ${cookie}`),
    '400 page',
  ],
  [
    'a mixed-up issuer',
    authorize({ iss: 'https://evil.example', prompt: 'none' }),
    '303 to https://shop.example login_required',
  ],
  [
    'a password in the request',
    get(
      `${addresses.authorize}?${new URLSearchParams({ ...goodRequest, username: 'ada', password: 'x', prompt: 'none' })}`,
    ),
    '303 to https://shop.example login_required',
  ],
  [
    'parameters by the thousand',
    authorizeWith(`&prompt=none${'&a='.repeat(2_000)}`),
    '303 to https://shop.example login_required',
  ],
];
