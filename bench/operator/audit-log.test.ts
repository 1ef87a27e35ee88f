import { expect, it } from 'vitest';
import { countRequests } from './audit-log.ts';

const line = (verb: string, resource: string, stage = 'ResponseComplete', subresource?: string) =>
  JSON.stringify({ stage, verb, objectRef: { resource, ...(subresource === undefined ? {} : { subresource }) } });

it('tells writes, events and reads apart, and leaves the Lease out', () => {
  const count = countRequests([
    line('patch', 'deployments'),
    line('patch', 'deployments'),
    line('patch', 'identitytenants', 'ResponseComplete', 'status'),
    line('create', 'events'),
    line('get', 'secrets'),
    line('list', 'pods'),
    line('watch', 'pods', 'ResponseStarted'),
    line('watch', 'pods'),
    line('update', 'leases'),
    line('get', 'leases'),
    JSON.stringify({ stage: 'ResponseComplete', verb: 'get' }),
  ]);
  expect(count).toMatchObject({ writes: 3, events: 1, reads: 4 });
  expect(Object.fromEntries(count.byKind)).toMatchObject({
    'patch deployments': 2,
    'patch identitytenants/status': 1,
    'watch pods': 1,
    'get others': 1,
  });
});
