import { expect, it } from 'vitest';
import { buildTenant } from '../../testing/tenants.ts';
import type { ObservedReference } from '../observed.ts';
import { decideRoutesResolved } from './routes-resolved.ts';
import { listReferences } from './spec-references.ts';

const route = (name: string) => ({ name, match: { pathPrefix: `/${name}` }, upstream: { service: name, port: 80 } });

const observe = (routes: readonly string[], present: readonly string[]): ObservedReference[] =>
  listReferences(buildTenant({ gateway: { routes: routes.map(route) } })).map((reference) =>
    present.includes(reference.name)
      ? { ...reference, found: { uid: reference.name, resourceVersion: '1', entries: {} } }
      : reference,
  );

it.each([
  ['no route', [], [], 'True', 'Resolved', 'there are no routes'],
  [
    'every Service',
    ['orders', 'stock'],
    ['orders', 'stock'],
    'True',
    'Resolved',
    'the Service of every route is there',
  ],
  [
    'one Service less',
    ['orders', 'stock'],
    ['orders'],
    'False',
    'ServiceNotFound',
    'not there: Service "stock" of spec.gateway.routes[name=stock].upstream.service; create it, or correct the route; the other routes are served',
  ],
] as const)('with %s', (_what, routes, present, status, reason, message) => {
  expect(decideRoutesResolved(observe(routes, present))).toEqual({ type: 'RoutesResolved', status, reason, message });
});

it('names three of many', () => {
  const { message } = decideRoutesResolved(observe(['a', 'b', 'c', 'd', 'e'], []));
  expect(message).toMatch(/"a".*"b".*"c".* and 2 more;/);
  expect(message).not.toContain('"d"');
});
