import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildClusterPlan, collides, nodeOfZone, parseClusterName, preferredSlots, slotCount } from './plan.ts';

const names = fc.stringMatching(/^[a-z][-a-z0-9]{0,30}[a-z0-9]$/);
const slots = fc.integer({ min: 0, max: slotCount - 1 });

test('link names fit the 15 characters that Linux allows, whatever the name', () => {
  fc.assert(
    fc.property(names, slots, (name, slot) => {
      const plan = buildClusterPlan(name, slot);
      for (const link of [plan.bridge, ...plan.nodes.map((node) => node.link)]) expect(link.length).toBeLessThan(16);
    }),
  );
});

test('two clusters in different slots share no address', () => {
  fc.assert(
    fc.property(slots, slots, (one, other) => {
      fc.pre(one !== other);
      const addresses = (slot: number) => {
        const plan = buildClusterPlan('any', slot);
        return [plan.hostAddress, plan.podCidr, plan.serviceCidr, ...plan.nodes.flatMap((n) => [n.address, n.podCidr])];
      };
      expect(addresses(one).filter((address) => addresses(other).includes(address))).toEqual([]);
    }),
  );
});

test('a node has its pods inside the pods of the cluster', () => {
  const plan = buildClusterPlan('identity-operator', 63);
  expect(plan.podCidr).toBe('198.19.252.0/22');
  expect(plan.nodes.map((node) => node.podCidr)).toEqual(['198.19.253.0/24', '198.19.254.0/24', '198.19.255.0/24']);
  expect(plan.serviceCidr).toBe('10.159.0.0/16');
});

test('a name asks for the same slots every time, and for each of them once', () => {
  const asked = preferredSlots('identity-operator');
  expect(asked).toEqual(preferredSlots('identity-operator'));
  expect(new Set(asked).size).toBe(slotCount);
});

test('a route into the addresses of a slot is a collision', () => {
  const plan = buildClusterPlan('any', 7);
  expect(collides(plan, ['default', '198.18.7.0/24'])).toBe(true);
  expect(collides(plan, ['198.19.29.0/24'])).toBe(true);
  expect(collides(plan, ['default', '172.16.0.0/12', '198.18.70.0/24'])).toBe(false);
});

test('names that would not fit file names and labels are refused', () => {
  for (const wrong of ['', 'A', '../x', 'a_b', '-a', 'a-', 'a'.repeat(41)]) {
    expect(() => parseClusterName(wrong)).toThrow('is no name for a cluster');
  }
  expect(parseClusterName('identity-operator')).toBe('identity-operator');
});

test('zones are 1 to 3', () => {
  const plan = buildClusterPlan('any', 0);
  expect(nodeOfZone(plan, 3).name).toBe('node-3');
  expect(() => nodeOfZone(plan, 4)).toThrow('there is no zone 4');
});
