import { expect, test } from 'vitest';
import { buildCorefile, parseRewrites, setRewrites } from './dns.ts';

const acme = { from: 'acme.localhost', to: 'acme-gateway.demo.svc.cluster.local' };
const other = { from: 'other.localhost', to: 'other-gateway.demo.svc.cluster.local' };

test('a rewrite stands in the server block', () => {
  const lines = buildCorefile([acme]).split('\n');
  expect(lines[0]).toBe('.:53 {');
  expect(lines[2]).toBe('    rewrite name exact acme.localhost acme-gateway.demo.svc.cluster.local');
});

test('new rewrites replace the earlier ones, and none takes them out again', () => {
  const plain = buildCorefile([]);
  expect(setRewrites(setRewrites(plain, [acme]), [other])).toBe(buildCorefile([other]));
  expect(setRewrites(buildCorefile([acme, other]), [])).toBe(plain);
});

test("what stands in another cluster's Corefile is kept", () => {
  const kind =
    '.:53 {\n    errors\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n    reload\n}\n';
  expect(setRewrites(setRewrites(kind, [acme]), [])).toBe(kind);
  expect(setRewrites(kind, [acme])).toContain('forward . /etc/resolv.conf');
});

test('a name that would add directives of its own is refused', () => {
  expect(parseRewrites([acme])).toEqual([acme]);
  expect(() => parseRewrites([{ from: 'a {\n}', to: 'b' }])).toThrow('is no DNS name');
});
