import { describe, expect, it } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { silentLog } from '../runtime/testing/silent-log.ts';
import { watchServiceAccountTokens } from './service-account-tokens.ts';

const key = (kid: string) => ({ kty: 'RSA', kid, alg: 'RS256', use: 'sig', n: 'n', e: 'AQAB' });

const watch = (documents: Record<string, unknown>) => {
  const changes: unknown[] = [];
  const tokens = watchServiceAccountTokens({
    client: {
      getDocument: async (path) => {
        const document = documents[path];
        if (document === undefined) throw new Error('forbidden');
        return document;
      },
    },
    clock: systemClock,
    log: silentLog,
    onChange: () => changes.push(tokens.current()),
  });
  return { tokens, changes, refresh: () => tokens.refresh(new AbortController().signal) };
};

describe('watchServiceAccountTokens', () => {
  it('follows the keys of the cluster, tells of changes alone, and keeps what it had while none can be read', async () => {
    const documents: Record<string, unknown> = {
      '/.well-known/openid-configuration': { issuer: 'https://cluster.example', jwks_uri: 'https://ignored.example' },
      '/openid/v1/jwks': { keys: [{ ...key('1'), x5c: ['left out'] }] },
    };
    const { tokens, changes, refresh } = watch(documents);
    await refresh();
    await refresh();
    const first = { issuer: 'https://cluster.example', jwks: { keys: [key('1')] } };
    expect([tokens.current(), changes]).toEqual([first, [first]]);
    documents['/openid/v1/jwks'] = { keys: [key('1'), key('2')] };
    await refresh();
    expect(tokens.current()?.jwks.keys.map(({ kid }) => kid)).toEqual(['1', '2']);
    documents['/openid/v1/jwks'] = undefined;
    await refresh();
    documents['/openid/v1/jwks'] = { keys: [] };
    await refresh();
    expect([tokens.current()?.jwks.keys.length, changes.length]).toEqual([2, 2]);
  });

  it('knows nothing where the cluster says nothing', async () => {
    const { tokens, changes, refresh } = watch({});
    await refresh();
    expect([tokens.current(), changes]).toEqual([undefined, []]);
  });
});
