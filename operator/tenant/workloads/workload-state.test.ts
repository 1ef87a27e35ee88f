import { describe, expect, it } from 'vitest';
import type { ObservedPod } from '../observed.ts';
import { decideZoneRedundant } from '../zones/zone-redundant.ts';
import { knownZones, readyZones } from './workload-state.ts';

const topologyKey = 'topology.kubernetes.io/zone';

/** A ready pod of auth on a node of its own; `zoneLabel` is what its own label says. */
const pod = (name: string, zoneLabel?: string, more: Partial<ObservedPod> = {}): ObservedPod => ({
  name,
  component: 'auth',
  ready: true,
  terminating: false,
  nodeName: `node-${name}`,
  createdAt: 0,
  ...(zoneLabel === undefined ? {} : { zoneLabel }),
  ...more,
});
const node = { labels: {}, open: true, readySince: 0 };
const nodes = ['a', 'b', 'c'].map((name) => ({ ...node, name: `node-${name}`, zone: `zone-${name}` }));

describe('zones where nodes may be read', () => {
  const pods = [pod('a'), pod('b'), pod('b2', undefined, { nodeName: 'node-b' })];

  it('are those of the nodes', () => {
    expect(knownZones({ nodes, pods })).toEqual(['zone-a', 'zone-b', 'zone-c']);
    expect(readyZones(pods, nodes, 'auth')).toEqual(['zone-a', 'zone-b']);
  });

  it('are taken from no label of a pod, which may be a user’s own', () => {
    expect(readyZones([pod('elsewhere', 'zone-x')], nodes, 'auth')).toEqual([]);
    expect(knownZones({ nodes: [{ ...node, name: 'node-a' }], pods: [pod('a', 'zone-x')] })).toEqual([]);
  });
});

describe('zones where nodes may not be read', () => {
  const pods = [pod('a', 'zone-a'), pod('b', 'zone-b'), pod('c', 'zone-c', { ready: false })];
  const zonesOf = (zones: string[]) => ({ gateway: zones, auth: zones, 'token-store': zones });
  const decide = (zones: string[], allZones: string[], nodesKnown = false) =>
    decideZoneRedundant({
      zonesOf: zonesOf(zones),
      allZones,
      nodesKnown,
      lostZones: [],
      topologyKey,
      rebalance: { kind: 'unsettled' },
      reasonBefore: undefined,
    });

  it('are what the pods say', () => {
    expect(knownZones({ nodes: undefined, pods })).toEqual(['zone-a', 'zone-b', 'zone-c']);
    expect(readyZones(pods, undefined, 'auth')).toEqual(['zone-a', 'zone-b']);
  });

  it('are unknown when the pods say nothing, with the way out', () => {
    const verdict = decide([], knownZones({ nodes: undefined, pods: [pod('a')] }));
    expect(verdict).toMatchObject({ status: 'Unknown', reason: 'NodesNotReadable' });
    expect(verdict.message).toMatch(/the right to list and watch nodes/);
  });

  it('say that a tenant is spread, or that nobody knows of other zones than one', () => {
    expect(decide(['zone-a', 'zone-b'], ['zone-a', 'zone-b'])).toMatchObject({ status: 'True', reason: 'Spread' });
    const one = decide(['zone-a'], ['zone-a']);
    expect(one).toMatchObject({ status: 'False', reason: 'OneZone' });
    expect(one.message).toContain('all pods are in zone-a');
    expect(decide(['zone-a'], ['zone-a'], true).message).toContain('all nodes are');
  });
});
