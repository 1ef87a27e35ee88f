import { basicOf, form, formIn, get, query, send } from '../http-request.ts';
import { addresses, authorize, type BadRequest, basic, goodRequest } from './bad-request.ts';

const { client_id: _clientId, ...parameters } = goodRequest;
const push = (changes: Record<string, string>, ...headers: string[]): string =>
  form(addresses.par, query({ ...parameters, ...changes }), ...headers);
const asked = (request: Record<string, string>): string =>
  get(`${addresses.authorize}?${query({ client_id: 'shop', ...request })}`);
const signed = (request: string): string => get(`${addresses.authorize}?${query({ client_id: 'signing', request })}`);

/** Requests that were pushed before (RFC 9126), and request objects (RFC 9101). */
export const pushed: readonly BadRequest[] = [
  ['a push of nothing', form(addresses.par, '', basic), '400 oauth invalid_request'],
  ['a push by nobody', push({}), '400 oauth invalid_request'],
  ['a push by an unknown client', push({}, basicOf('nobody:x')), '401 oauth invalid_client'],
  ['a push with a wrong secret', push({}, basicOf('shop:x')), '401 oauth invalid_client'],
  ['a push in another client\u2019s name', push({ client_id: 'app' }, basic), '400 oauth invalid_request'],
  [
    'a push to another redirect URI',
    push({ redirect_uri: 'https://evil.example/' }, basic),
    '400 oauth invalid_request',
  ],
  [
    'a push with a redirect URI twice',
    form(addresses.par, `${query(parameters)}&redirect_uri=https://evil.example`, basic),
    '400 oauth invalid_request',
  ],
  ['a push without PKCE', push({ code_challenge: '' }, basic), '400 oauth invalid_request'],
  [
    'a push of a request_uri',
    push({ request_uri: 'urn:ietf:params:oauth:request_uri:x' }, basic),
    '400 oauth request_uri_not_supported',
  ],
  ['a push of a request object that is none', push({ request: 'x.y.z' }, basic), '400 oauth invalid_request_object'],
  ['a push with a null byte', push({ state: '\0', scope: '\0' }, basic), '400 oauth invalid_request'],
  ['a push of 60 KB', push({ state: 'x'.repeat(60_000) }, basic), '400 oauth invalid_request'],
  [
    'a push in JSON',
    send('POST', addresses.par, '{}', 'Content-Type: application/json', basic),
    '400 oauth invalid_request',
  ],
  ['a push of another charset', formIn('utf-16', addresses.par, query(parameters), basic), '400 oauth invalid_request'],
  ['a push by GET', get(`${addresses.par}?${query(goodRequest)}`, basic), '404 problem not-found'],
  ['a push with an unknown response type', push({ response_type: 'code token' }, basic), '400 oauth invalid_request'],
  [
    'a push with nested parameters',
    form(addresses.par, 'scope[a]=openid&response_type[]=code', basic),
    '400 oauth invalid_request',
  ],
  [
    'a push of a resource that is not the client\u2019s',
    push({ resource: 'https://evil.example' }, basic),
    '400 oauth invalid_request',
  ],
  [
    'a pushed request that was used',
    ({ used }) => asked({ request_uri: used.requestUri }),
    '303 to https://shop.example invalid_request_uri',
  ],
  [
    'a pushed request of another client',
    ({ requestUri }) => asked({ client_id: 'app', request_uri: requestUri }),
    '400 page',
  ],
  [
    'a pushed request without its client',
    ({ requestUri }) => get(`${addresses.authorize}?${query({ request_uri: requestUri })}`),
    '400 page',
  ],
  [
    'a pushed request that there is not',
    asked({ request_uri: 'urn:ietf:params:oauth:request_uri:x' }),
    '303 to https://shop.example invalid_request_uri',
  ],
  [
    'a pushed request of bytes',
    asked({ request_uri: 'urn:ietf:params:oauth:request_uri:\0' }),
    '303 to https://shop.example invalid_request_uri',
  ],
  [
    'a pushed request of 4 KB',
    asked({ request_uri: `urn:ietf:params:oauth:request_uri:${'x'.repeat(4_000)}` }),
    '303 to https://shop.example invalid_request_uri',
  ],
  [
    'a pushed request twice',
    ({ requestUri }) =>
      get(`${addresses.authorize}?${query({ client_id: 'shop', request_uri: requestUri })}&request_uri=x`),
    '303 to https://shop.example invalid_request',
  ],
  [
    'a request file',
    asked({ request_uri: 'file:///etc/passwd' }),
    '303 to https://shop.example request_uri_not_supported',
  ],
  [
    'a request at the cloud\u2019s metadata',
    asked({ request_uri: 'http://169.254.169.254/latest/meta-data' }),
    '303 to https://shop.example request_uri_not_supported',
  ],
  ['a request object that is none', signed('x'), '303 to https://shop.example invalid_request_object'],
  ['a request object of five parts', signed('a.b.c.d.e'), '303 to https://shop.example invalid_request_object'],
  [
    'an unsigned request object',
    signed('eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJzaWduaW5nIn0.'),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object of a client without keys',
    async ({ signRequest }) => authorize({ request: await signRequest({ client_id: 'shop', iss: 'shop' }) }),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object for another issuer',
    async ({ signRequest }) => signed(await signRequest({ aud: 'https://evil.example' })),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object of another client',
    async ({ signRequest }) => signed(await signRequest({ iss: 'shop' })),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object in another client\u2019s name',
    async ({ signRequest }) => signed(await signRequest({ client_id: 'shop' })),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object that is over',
    async ({ signRequest }) => signed(await signRequest({ exp: 1 })),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object of the future',
    async ({ signRequest }) => signed(await signRequest({ nbf: 4e9 })),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object whose end is text',
    async ({ signRequest }) => signed(await signRequest({ exp: 'x' })),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object in a request object',
    async ({ signRequest }) => signed(await signRequest({ request: await signRequest() })),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object with a request_uri',
    async ({ signRequest }) => signed(await signRequest({ request_uri: 'https://evil.example' })),
    '303 to https://shop.example invalid_request_object',
  ],
  [
    'a request object to another redirect URI',
    async ({ signRequest }) => signed(await signRequest({ redirect_uri: 'https://evil.example/' })),
    '400 page',
  ],
  [
    'a request object whose parameters are objects',
    async ({ signRequest }) => signed(await signRequest({ scope: { a: 1 }, state: ['x'] })),
    '303 to https://shop.example invalid_request',
  ],
  [
    'a request object with a header that is a bomb',
    signed(`${'A'.repeat(6_000)}.e30.x`),
    '303 to https://shop.example invalid_request_object',
  ],
];
