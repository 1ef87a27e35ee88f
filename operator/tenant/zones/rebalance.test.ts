import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Component } from '../../manifests/blueprint.ts';
import type { ObservedNode, ObservedPod } from '../observed.ts';
import { decideRebalance, type RebalanceInput, type SpreadWorkload } from './rebalance.ts';

const minute = 60_000;
const now = 1_000 * minute;

const nodeIn = (zone: string, fields: Partial<ObservedNode> = {}): ObservedNode => ({
  name: `node-${zone}`,
  labels: {},
  zone,
  readySince: now - minute,
  open: true,
  ...fields,
});
const podIn = (zone: string, fields: Partial<ObservedPod> = {}): ObservedPod => ({
  name: `auth-${zone}`,
  component: 'auth',
  ready: true,
  terminating: false,
  createdAt: now - 20 * minute,
  nodeName: `node-${zone}`,
  ...fields,
});
const auth: SpreadWorkload = { component: 'auth', nodeSelector: {}, hasAffinity: false };

const input = (fields: Partial<RebalanceInput>): RebalanceInput => ({
  workloads: [auth],
  nodes: ['a', 'b', 'c'].map((zone) => nodeIn(zone)),
  pods: ['a', 'b']
    .map((zone) => podIn(zone))
    .concat(podIn('a', { name: 'auth-younger', createdAt: now - 10 * minute })),
  now,
  ...fields,
});
const withoutC = input({}).nodes.filter(({ zone }) => zone !== 'c');

describe('rebalance', () => {
  it('moves the youngest pod of the fullest zone to the emptiest', () => {
    expect(decideRebalance(input({}))).toEqual({
      kind: 'move',
      component: 'auth',
      pod: 'auth-younger',
      from: 'a',
      to: 'c',
    });
  });

  it.each<[string, Partial<RebalanceInput>]>([
    ['a pod in each zone', { pods: ['a', 'b', 'c'].map((zone) => podIn(zone)) }],
    ['as even as two pods can be in three zones', { pods: ['a', 'b'].map((zone) => podIn(zone)) }],
    ['as even as three pods can be in two zones', { nodes: withoutC }],
    ['the zone is not ready', { nodes: [...withoutC, { ...nodeIn('c', {}), readySince: undefined } as never] }],
    ['the zone is cordoned or tainted', { nodes: [...withoutC, nodeIn('c', { open: false })] }],
    ['the service may not run there', { workloads: [{ ...auth, nodeSelector: { disk: 'fast' } }] }],
    ['the service has rules of its own about places', { workloads: [{ ...auth, hasAffinity: true }] }],
    [
      'a pod stands on a node without a zone',
      { nodes: [nodeIn('c'), ...withoutC.map(({ zone: _, ...node }) => node)] },
    ],
    ['nodes may not be read', { nodes: [] }],
  ])('moves nothing: %s', (_why, fields) => {
    expect(decideRebalance(input(fields))).toEqual({ kind: 'balanced' });
  });

  it.each<[string, Partial<ObservedPod>]>([
    ['starts', { ready: false }],
    ['ends', { terminating: true }],
    ['waits for a node', { ready: false, nodeName: undefined } as never],
  ])('moves nothing while a pod of any service %s', (_what, fields) => {
    const other = podIn('b', { name: 'gateway-b', component: 'gateway', ...fields });
    const workloads: SpreadWorkload[] = [auth, { ...auth, component: 'gateway' }];
    expect(decideRebalance(input({ workloads, pods: [...input({}).pods, other] }))).toEqual({ kind: 'unsettled' });
  });

  it('waits until the zone has been ready for a while', () => {
    const nodes = [...withoutC, nodeIn('c', { readySince: now - 5_000 })];
    expect(decideRebalance(input({ nodes }))).toEqual({
      kind: 'wait',
      component: 'auth',
      from: 'a',
      to: 'c',
      until: now + 15_000,
    });
  });

  it('waits for ten minutes after the scheduler has had its say', () => {
    const pods = [...input({}).pods.slice(0, 2), podIn('a', { name: 'auth-tried', createdAt: now - 4 * minute })];
    const nodes = [...withoutC, nodeIn('c', { readySince: now - 5 * minute })];
    expect(decideRebalance(input({ nodes, pods }))).toMatchObject({ kind: 'wait', until: now + 6 * minute });
    // Of what was placed before the zone came back it says nothing.
    expect(
      decideRebalance(input({ nodes: [...withoutC, nodeIn('c', { readySince: now - 3 * minute })], pods })).kind,
    ).toBe('move');
  });

  it('moves one service at a time', () => {
    const workloads: SpreadWorkload[] = (['token-store', 'auth'] as const).map((component) => ({ ...auth, component }));
    const pods = workloads.flatMap(({ component }) =>
      input({}).pods.map((pod) => ({ ...pod, name: `${component} ${pod.name}`, component })),
    );
    expect(decideRebalance(input({ workloads, pods }))).toMatchObject({ kind: 'move', component: 'token-store' });
  });
});

describe('rebalance, whatever the scheduler does', () => {
  const zones = ['a', 'b', 'c', 'd'];
  const components: Component[] = ['token-store', 'auth', 'gateway'];
  const workloads = components.map((component): SpreadWorkload => ({ ...auth, component }));
  const arbitraryPods = fc.array(fc.tuple(fc.constantFrom(...components), fc.constantFrom(...zones)), {
    maxLength: 20,
  });
  const build = (places: readonly (readonly [Component, string])[]) =>
    places.map(([component, zone], index) => podIn(zone, { name: `${component}-${index}`, component }));
  const nodes = zones.map((zone) => nodeIn(zone, { readySince: now - 15 * minute }));
  const skews = (pods: readonly ObservedPod[]) =>
    components.map((component) => {
      const counts = zones.map(
        (zone) => pods.filter((pod) => pod.component === component && pod.nodeName === `node-${zone}`).length,
      );
      return Math.max(...counts) - Math.min(...counts);
    });

  it('comes to balance, with a scheduler that spreads', () => {
    fc.assert(
      fc.property(arbitraryPods, (places) => {
        let pods = build(places);
        let time = now;
        for (let moves = 0; moves <= places.length; moves += 1) {
          const decision = decideRebalance({ workloads, pods, nodes, now: time });
          if (decision.kind !== 'move') break;
          time += 1_000;
          pods = pods.map((pod) =>
            pod.name === decision.pod ? { ...pod, nodeName: `node-${decision.to}`, createdAt: time } : pod,
          );
          // A pod that came into its zone a moment ago must not be moved on: that would be another zone's try.
          time += 10 * minute;
        }
        expect(Math.max(...skews(pods))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('disturbs a service no more than once in ten minutes, with a scheduler that puts pods anywhere', () => {
    fc.assert(
      fc.property(arbitraryPods, fc.infiniteStream(fc.constantFrom(...zones)), (places, scheduler) => {
        let pods = build(places);
        const evictions: { component: Component; at: number }[] = [];
        for (let time = now; time < now + 60 * minute; time += 30_000) {
          const decision = decideRebalance({ workloads, pods, nodes, now: time });
          if (decision.kind !== 'move') continue;
          const before = evictions.filter(({ component }) => component === decision.component).at(-1);
          const victim = pods.find(({ name }) => name === decision.pod);
          expect(victim?.component).toBe(decision.component);
          const zone = String(scheduler.next().value);
          // One that was brought where it belongs is no try that failed.
          if (before !== undefined) expect(time - before.at).toBeGreaterThanOrEqual(10 * minute);
          if (zone !== decision.to) evictions.push({ component: decision.component, at: time });
          pods = pods.map((pod) =>
            pod.name === decision.pod ? { ...pod, nodeName: `node-${zone}`, createdAt: time } : pod,
          );
        }
      }),
    );
  });
});
