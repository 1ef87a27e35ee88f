import { expect, it } from 'vitest';
import { describeCall, isWrite, parseApiCall } from './api-call.ts';

const parse = (method: string, path: string, contentType = 'application/json', body = '') =>
  parseApiCall({ method, url: new URL(path, 'https://127.0.0.1'), contentType, body });

it.each([
  ['GET', '/api/v1/secrets?limit=500', { verb: 'list', resource: 'secrets' }],
  ['GET', '/api/v1/secrets?watch=true', { verb: 'watch', resource: 'secrets' }],
  [
    'GET',
    '/api/v1/namespaces/shop/secrets/keys',
    { verb: 'get', resource: 'secrets', namespace: 'shop', name: 'keys' },
  ],
  ['GET', '/api/v1/namespaces/shop', { verb: 'get', resource: 'namespaces', name: 'shop' }],
  ['GET', '/api/v1/namespaces', { verb: 'list', resource: 'namespaces' }],
  ['GET', '/api/v1/nodes', { verb: 'list', resource: 'nodes' }],
  ['GET', '/apis/apps/v1', { verb: 'get', resource: '' }],
  [
    'PUT',
    '/apis/apps/v1/namespaces/shop/deployments/web',
    { verb: 'update', resource: 'deployments', namespace: 'shop', name: 'web' },
  ],
  [
    'DELETE',
    '/apis/apps/v1/namespaces/shop/deployments/web',
    { verb: 'delete', resource: 'deployments', namespace: 'shop', name: 'web' },
  ],
])('%s %s', (method, path, call) => {
  expect(parse(method, path)).toEqual(call);
});

it('tells a server-side apply from another patch, and a subresource from its object', () => {
  const path = '/apis/identity-operator.io/v1alpha1/namespaces/shop/identitytenants/acme/status';
  const apply = parse('PATCH', path, 'application/apply-patch+yaml', '{}');
  expect(describeCall(apply)).toBe('apply identitytenants/acme/status');
  expect(parse('PATCH', path, 'application/merge-patch+json', '{}').verb).toBe('patch');
});

it('finds the name of what is created in the body', () => {
  const call = parse('POST', '/api/v1/namespaces/shop/secrets', 'application/json', '{"metadata":{"name":"keys"}}');
  expect(describeCall(call)).toBe('create secrets/keys');
});

it('counts what changes something, but for the Lease', () => {
  expect(isWrite(parse('GET', '/api/v1/secrets'))).toBe(false);
  expect(isWrite(parse('DELETE', '/api/v1/namespaces/shop/secrets/keys'))).toBe(true);
  expect(isWrite(parse('PUT', '/apis/coordination.k8s.io/v1/namespaces/shop/leases/leader'))).toBe(false);
});
