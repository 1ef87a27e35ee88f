import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCacheUrl } from './cache-url.ts';

describe('the URL of a cache', () => {
  it.each([
    ['redis://cache', { mode: 'single', tls: false, hosts: [{ host: 'cache', port: 6379 }], database: 0 }],
    [
      'rediss://user:p%40ss%2F@cache.example.com:6380/3\n',
      {
        mode: 'single',
        tls: true,
        hosts: [{ host: 'cache.example.com', port: 6380 }],
        username: 'user',
        password: 'p@ss/',
        database: 3,
      },
    ],
    [
      'redis://:only@[fd00::1]:1',
      { mode: 'single', tls: false, hosts: [{ host: 'fd00::1', port: 1 }], password: 'only', database: 0 },
    ],
    [
      'rediss+sentinel://u:p@a:1,b/main/2',
      {
        mode: 'sentinel',
        tls: true,
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26_379 },
        ],
        username: 'u',
        password: 'p',
        masterName: 'main',
        database: 2,
      },
    ],
    [
      'redis+cluster://a,b:7000',
      {
        mode: 'cluster',
        tls: false,
        hosts: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 7000 },
        ],
        database: 0,
      },
    ],
  ])('%s', (url, address) => {
    expect(parseCacheUrl(url)).toEqual(address);
  });

  it.each([
    '',
    'cache:6379',
    'http://cache',
    'redis://',
    'redis://a,b',
    'redis://cache:0',
    'redis://cache:70000',
    'redis://cache/x',
    'redis://cache/0/1',
    'redis://cache?db=1',
    'redis://u:%zz@cache',
    'redis+sentinel://a',
    'redis+cluster://a/1',
    'redis+other://a',
  ])('is not %j', (url) => {
    expect(parseCacheUrl(url)).toBeUndefined();
  });

  it('keeps any password', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (password) => {
        expect(parseCacheUrl(`redis://:${encodeURIComponent(password)}@cache`)?.password).toBe(password);
      }),
    );
  });
});
