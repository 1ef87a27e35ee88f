import { createHash } from 'node:crypto';
import type { JSONWebKeySet } from 'jose';
import type { Keyring } from '../../shared/contracts/keyring.ts';

/** What verifiers are told: every key but the retired ones. A Pending key is told so that caches have it in time. */
export const buildJsonWebKeySet = ({ keys }: Keyring): JSONWebKeySet => ({
  keys: keys.filter(({ state }) => state !== 'Retired').map(({ publicJwk }) => publicJwk),
});

/** The answer of the `jwks_uri`; the same keys have the same entity tag at every pod. */
export type JwksAnswer = { body: string; headers: Record<string, string> };

export const buildJwksAnswer = (keyring: Keyring, maxAgeSeconds: number): JwksAnswer => {
  const body = JSON.stringify(buildJsonWebKeySet(keyring));
  return {
    body,
    headers: {
      'Content-Type': 'application/jwk-set+json; charset=utf-8',
      'Cache-Control': `public, max-age=${maxAgeSeconds}`,
      'Access-Control-Allow-Origin': '*',
      ETag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    },
  };
};
