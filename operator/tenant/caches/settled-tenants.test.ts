import { describe, expect, it } from 'vitest';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { buildTenant } from '../../testing/tenants.ts';
import type { Observed } from '../observed.ts';
import { createSettledTenants, fingerprintOf } from './settled-tenants.ts';

const service = (resourceVersion: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'acme-auth', uid: 'u1', resourceVersion },
});

const node: NonNullable<Observed['nodes']>[number] = { name: 'node1', zone: 'a', labels: {}, open: true };

const observed: Observed = {
  tenant: buildTenant({}, { resourceVersion: '1' }),
  objects: [service('1')],
  secrets: new Map([['keys', { ...service('1'), kind: 'Secret', entries: { key: 'secret' } }]]),
  references: [{ kind: 'Secret', field: 'spec.gateway.tls.secretName', name: 'tls', requiredEntries: [] } as never],
  pods: [],
  settingsInUse: new Set(['settings-1']),
  nodes: [node],
  served: new Set(),
  databaseVolumeExists: false,
};

const withTenant = (metadata: Record<string, unknown>): Observed => ({
  ...observed,
  tenant: buildTenant({}, { resourceVersion: '1', ...metadata }),
});

describe('what tells two observations apart', () => {
  it.each<[string, Observed]>([
    ['the version of an object', { ...observed, objects: [service('2')] }],
    ['an object more', { ...observed, objects: [service('1'), service('1')] }],
    ['a Secret that is gone', { ...observed, secrets: new Map() }],
    ['the version of a Secret', { ...observed, secrets: new Map([['keys', { ...service('2'), entries: {} }]]) }],
    ['the version of what the spec names', { ...observed, references: [] }],
    ['settings that are no longer used', { ...observed, settingsInUse: new Set() }],
    ['a zone', { ...observed, nodes: [{ ...node, zone: 'b' }] }],
    ['a node that is cordoned', { ...observed, nodes: [{ ...node, open: false }] }],
    ['a kind that is served', { ...observed, served: new Set(['HTTPRoute' as never]) }],
    ['the generation', withTenant({ generation: 2 })],
    ['an annotation of ours', withTenant({ annotations: { 'identity-operator.io/restart': '1' } })],
    ['the finalizers', withTenant({ finalizers: ['identity-operator.io/retained-objects'] })],
    ['the status', { ...observed, tenant: { ...observed.tenant, status: { zones: '1/3' } } }],
    ['another holder of the issuer', { ...observed, issuerHolder: 'other' } as Observed],
  ])('%s', (_, other) => {
    expect(fingerprintOf(other)).not.toBe(fingerprintOf(observed));
  });

  it.each<[string, Observed]>([
    ['the version of the tenant', withTenant({ resourceVersion: '2' })],
    ['an annotation of somebody else', withTenant({ annotations: { 'example.com/touched': '1' } })],
  ])('not %s', (_, other) => {
    expect(fingerprintOf(other)).toBe(fingerprintOf(observed));
  });
});

it('knows for how long the same observation leads to nothing', () => {
  const settled = createSettledTenants();
  const at = (milliseconds: number) => new Date(1_000_000 + milliseconds);
  expect(settled.remaining('a', 'f', at(0))).toBeUndefined();
  settled.settle('a', 'f', at(0), 5_000);
  expect(settled.remaining('a', 'f', at(2_000))).toBe(3_000);
  expect(settled.remaining('a', 'g', at(2_000))).toBeUndefined();
  expect(settled.remaining('b', 'f', at(2_000))).toBeUndefined();
  expect(settled.remaining('a', 'f', at(5_000))).toBeUndefined();
  expect(settled.remaining('a', 'f', at(-1))).toBeUndefined();
});
