import { describe, expect, it } from 'vitest';
import { parseRequestPath } from './request-path.ts';
import { buildRouteTable, decideRoute } from './route-table.ts';
import { exampleRoute } from './testing/example-route.ts';

const table = buildRouteTable('https://id.example.com', [
  exampleRoute({ name: 'all', pathPrefix: '/', authentication: 'None' }),
  exampleRoute({ name: 'shop', pathPrefix: '/shop/', stripPrefix: true, upstreamUrl: 'http://shop:8080/base/' }),
  exampleRoute({ name: 'orders-read', pathPrefix: '/shop/orders', methods: ['GET'] }),
  exampleRoute({ name: 'orders-write', pathPrefix: '/shop/orders', methods: ['POST'] }),
]);
const decide = (method: string, target: string, from = table) => {
  const parsed = parseRequestPath(target);
  if (!parsed.ok) {
    throw new Error(`${target} is not a path`);
  }
  const decision = decideRoute(from, method, parsed.path);
  if (!decision.ok) {
    return decision.reason;
  }
  const { destination } = decision;
  return destination.kind === 'issuer' ? 'issuer' : `${destination.route.name} ${destination.upstreamPath}`;
};

describe('decideRoute', () => {
  it.each([
    ['GET', '/', 'all /'],
    ['GET', '/shop', 'shop /base/'],
    ['GET', '/shop/', 'shop /base/'],
    ['GET', '/shop/a%20b/?q=1', 'shop /base/a%20b/?q=1'],
    ['GET', '/%73hop/x', 'shop /base/x'],
    ['GET', '/shopping', 'all /shopping'],
    ['GET', '/shop/orders/1', 'orders-read /shop/orders/1'],
    ['HEAD', '/shop/orders/1', 'orders-read /shop/orders/1'],
    ['POST', '/shop/orders', 'orders-write /shop/orders'],
    ['DELETE', '/shop/orders', 'method_not_allowed'],
    // Services that do not tell upper from lower case would serve what another route guards.
    ['GET', '/SHOP', 'ambiguous'],
    ['GET', '/shop/Orders/1', 'ambiguous'],
    ['GET', '/shop/%4frders/1', 'ambiguous'],
    ['GET', '/shop/orders/ABC', 'orders-read /shop/orders/ABC'],
    ['GET', '/Elsewhere', 'all /Elsewhere'],
    ['GET', '/shop/orders2', 'shop /base/orders2'],
    ['GET', '/oauth2/authorize', 'issuer'],
    ['GET', '/oauth2x', 'all /oauth2x'],
    ['POST', '/oauth2/token', 'issuer'],
    ['GET', '/.well-known/openid-configuration', 'issuer'],
    ['GET', '/.well-known/security.txt', 'all /.well-known/security.txt'],
    ['GET', '/%6fauth2/x', 'issuer'],
    ['GET', '/internal/state', 'all /internal/state'],
  ])('%s %s -> %s', (method, target, expected) => {
    expect(decide(method, target)).toBe(expected);
  });

  it('knows no route where none is', () => {
    expect(decide('GET', '/x', buildRouteTable('https://id.example.com', []))).toBe('no_route');
  });

  it('finds the issuer below its own path', () => {
    const below = buildRouteTable('https://example.com/id', []);
    expect(decide('GET', '/id/oauth2/authorize', below)).toBe('issuer');
    expect(decide('GET', '/oauth2/authorize', below)).toBe('no_route');
    expect(decide('GET', '/ideas', below)).toBe('no_route');
  });
});
