import { describe, expect, it } from 'vitest';
import { dropIssuerSetCookies, stripIssuerCookies } from './route-cookies.ts';

describe('stripIssuerCookies', () => {
  it.each([
    ['cart=1; __Host-session=x; __Host-session.sig=y; theme=dark', 'cart=1; theme=dark'],
    ['__Secure-session=x; a=__Host-session', 'a=__Host-session'],
    ['__host-session=other; __Host-session2=own', '__host-session=other; __Host-session2=own'],
    ['a=1;__Secure-resume=x;\t__Secure-interaction=y', 'a=1'],
  ])('of %j leaves %j', (sent, passed) => {
    expect(stripIssuerCookies(['Accept', '*/*', 'Cookie', sent, 'X', ''])).toEqual([
      'Accept',
      '*/*',
      'Cookie',
      passed,
      'X',
      '',
    ]);
  });

  it('leaves no header where no cookie is left', () => {
    expect(stripIssuerCookies(['cookie', '__Host-session=x; __Host-session.sig=y', 'COOKIE', 'a=1'])).toEqual([
      'COOKIE',
      'a=1',
    ]);
  });
});

describe('dropIssuerSetCookies', () => {
  it.each([
    '__Host-session=theirs; Path=/; Secure',
    ' __Host-session =theirs',
    '=__Host-session=theirs',
    '__Host-session',
    '__Secure-interaction.sig=x; Path=/oauth2/interaction/x',
  ])('drops %j', (cookie) => {
    expect(dropIssuerSetCookies({ 'set-cookie': [cookie, 'cart=1'] })).toEqual({ 'set-cookie': ['cart=1'] });
    expect(dropIssuerSetCookies({ etag: 'x', 'set-cookie': cookie })).toEqual({ etag: 'x' });
  });
});
