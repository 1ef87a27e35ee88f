import { chunked, form, get, head, send } from '../http-request.ts';
import { addresses, type BadRequest, basic, machine } from './bad-request.ts';

/** What is no HTTP, or HTTP that two readers take for different things. */
export const framing: readonly BadRequest[] = [
  ['two lengths', `${head('POST', addresses.token, 'Content-Length: 3', 'Content-Length: 4')}abcd`, '400 bare'],
  ['a negative length', head('POST', addresses.token, 'Content-Length: -1'), '400 bare'],
  [
    'length and chunks',
    `${head('POST', addresses.token, 'Content-Length: 3', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    '400 bare',
  ],
  [
    'two transfer codings',
    `${head('POST', addresses.token, 'Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
    '400 problem malformed-request',
  ],
  ['chunks that are none', chunked(addresses.token, '5\r\nabc\r\nzz\r\n'), '400 bare'],
  ['line feeds alone', get(addresses.jwks).replaceAll('\r\n', '\n'), '400 bare'],
  ['a folded header', get(addresses.jwks, 'X: a', ' b'), '400 bare'],
  ['a null byte in a header', get(addresses.jwks, 'X: a\0b'), '400 bare'],
  ['a space before the colon', get(addresses.jwks, 'X : a'), '400 bare'],
  ['an expectation', get(addresses.jwks, 'Expect: more'), '417 bare'],
  ['a WebSocket', get(addresses.jwks, 'Upgrade: websocket'), '400 problem websocket-not-supported'],
  ['2 MB with a length', form(addresses.token, 'x'.repeat(2_000_000)), '413 problem body-too-large'],
  [
    '2 MB in chunks',
    chunked(addresses.token, `10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(30), '0\r\n\r\n'),
    '413 problem body-too-large',
  ],
  ['a length that is no number', head('POST', addresses.token, 'Content-Length: 1e3'), '400 bare'],
  ['a length with a sign', head('POST', addresses.token, 'Content-Length: +3'), '400 bare'],
  ['a length beyond all numbers', head('POST', addresses.token, `Content-Length: ${'9'.repeat(30)}`), '400 bare'],
  [
    'chunked, in another spelling',
    `${head('POST', addresses.token, 'Transfer-Encoding: xchunked')}0\r\n\r\n`,
    '400 problem malformed-request',
  ],
  [
    'chunked, twice',
    `${head('POST', addresses.token, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    '400 bare',
  ],
  ['a chunk of an endless length', chunked(addresses.token, `${'f'.repeat(20)}\r\n`), '400 bare'],
  [
    'a trailer',
    chunked(addresses.token, '1\r\na\r\n', '0\r\nAuthorization: Basic eDp5\r\n\r\n'),
    '400 oauth invalid_request',
  ],
  ['another request in the body', form(addresses.token, get('/internal/state'), basic), '400 oauth invalid_request'],
  ['a body that comes with a GET', send('GET', addresses.jwks, machine), '200 json'],
  ['1,500 headers', get(addresses.jwks, ...Array.from({ length: 1_500 }, (_, at) => `X-${at}: a`)), '431 bare'],
  ['an upgrade to HTTP/2', get(addresses.jwks, 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA'), '200 json'],
  ['a header without a name', get(addresses.jwks, ': a'), '400 bare'],
];
