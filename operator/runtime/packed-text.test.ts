import { expect, test } from 'vitest';
import { packText, unpackText } from './packed-text.ts';

const tenant = (name: string, kid: string, uid: string) => ({
  name: `${name}-auth`,
  owner: uid,
  keys: [{ kid, since: '2026-11-25T03:44:56.789Z' }],
  message: `key ${kid} (ES256) signs since 2026-11-25T03:44:56Z`,
  settings: JSON.stringify({ kid, hash: '0123456789ab', address: '10.0.0.1' }),
});

const one = tenant('acme', 'YGxgC05A65Ohejp-wtdbX8J9xUyERqAcnoAnTwVq8oU', '1a2b3c4d-0000-4000-8000-0123456789ab');
const other = tenant('zoo', 'BGeck2aJVY04qM7u3kRjTUZUIft3GmvZBwos-QP8lUg', 'ffffffff-1111-4000-8000-0123456789ab');

test('things that were made alike share all but what tells one from the other', () => {
  const packed = packText([one, { spec: 1 }], ['acme', one.owner]);
  expect(packText([other, { spec: 1 }], ['zoo', other.owner]).template).toBe(packed.template);
  expect(packed.template).not.toContain('acme');
});

test('parts are read one by one, as they were', () => {
  const words = ['acme', 'shop', one.owner];
  const packed = packText([one, other, {}], words);
  expect([0, 1, 2].map((part) => unpackText(packed, part, words))).toEqual([one, other, {}]);
});
