import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forwardedHeaders, identityHeaders, stripRequestHeaders, stripResponseHeaders } from './forwarded-headers.ts';

describe('stripRequestHeaders', () => {
  it.each([
    'X-Identity-Subject',
    'x-identity-subject',
    'X_Identity_Subject',
    'x-identity_subject',
    'X-IDENTITY-SCOPE',
    'X-Identity-Anything',
    'X-Forwarded-For',
    'X_Forwarded_Host',
    'x-forwarded-client-cert',
    'Forwarded',
    'X-Real-IP',
    'X-Original-URL',
    'X-Rewrite-Url',
    'X.Identity.Subject',
    'X~Identity!Subject',
    'Client-IP',
    'True-Client-IP',
    'X-HTTP-Method-Override',
    'x_method_override',
  ])('drops %s, which only the gateway may say', (name) => {
    expect(stripRequestHeaders([name, 'spoofed', 'Accept', '*/*', name, 'again'])).toEqual(['Accept', '*/*']);
  });

  it.each([
    'Connection',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'Proxy-Authorization',
    'Host',
    'Expect',
  ])('drops %s, which is this hop\u2019s own', (name) => {
    expect(stripRequestHeaders([name, 'value'])).toEqual([]);
  });

  it('drops what Connection names, and keeps the rest in order with its duplicates', () => {
    expect(
      stripRequestHeaders([
        'A',
        '1',
        'Connection',
        'close, X-Hop',
        'x-hop',
        'gone',
        'A',
        '2',
        'Authorization',
        'Bearer x',
      ]),
    ).toEqual(['A', '1', 'A', '2', 'Authorization', 'Bearer x']);
  });

  it('lets no spelling of an identity header through', () => {
    const letters = fc.tuple(...[...'identity'].map((letter) => fc.constantFrom(letter, letter.toUpperCase())));
    const separators = fc.tuple(fc.constantFrom('-', '_'), fc.constantFrom('-', '_'));
    fc.assert(
      fc.property(fc.constantFrom('x', 'X'), letters, separators, (x, word, [first, second]) => {
        expect(stripRequestHeaders([`${x}${first}${word.join('')}${second}Subject`, 'spoofed'])).toEqual([]);
      }),
    );
  });
});

describe('stripResponseHeaders', () => {
  it('drops this hop\u2019s own and keeps lists', () => {
    expect(
      stripResponseHeaders({
        connection: 'keep-alive, x-hop',
        'keep-alive': 'timeout=5',
        'transfer-encoding': 'chunked',
        'x-hop': 'gone',
        'set-cookie': ['a=1', 'b=2'],
        'content-type': 'text/plain',
      }),
    ).toEqual({ 'set-cookie': ['a=1', 'b=2'], 'content-type': 'text/plain' });
  });
});

describe('what the gateway says', () => {
  it('names the public address by the issuer', () => {
    expect(forwardedHeaders('192.0.2.1', new URL('https://id.example.com:8443'))).toEqual([
      'X-Forwarded-For',
      '192.0.2.1',
      'X-Forwarded-Proto',
      'https',
      'X-Forwarded-Host',
      'id.example.com:8443',
    ]);
  });

  it('names the caller by the token, and nobody without one', () => {
    const token = {
      subject: 'u1',
      clientId: 'c1',
      audiences: [],
      scopes: ['a', 'b'],
      endsAt: 0,
      jti: 'j',
      revocation: { entries: [], clientId: 'c1', clientEpoch: 0 },
      binding: { kind: 'none' as const },
    };
    expect(identityHeaders(token)).toEqual([
      'X-Identity-Subject',
      'u1',
      'X-Identity-Client',
      'c1',
      'X-Identity-Scope',
      'a b',
    ]);
    expect(identityHeaders(undefined)).toEqual([]);
  });
});
