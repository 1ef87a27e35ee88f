import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differs, findApplyReason, findDifferences, hashDesired, withDesiredHash } from './desired-state.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

const object = (spec: unknown): KubernetesObject & { spec: unknown } => ({
  apiVersion: 'example.com/v1',
  kind: 'Thing',
  metadata: { name: 'thing', namespace: 'default' },
  spec,
});

interface Case {
  name: string;
  desired: unknown;
  live: unknown;
  fields: string[];
}

const cases: Case[] = [
  { name: 'the same', desired: { a: 1, b: ['x'] }, live: { a: 1, b: ['x'] }, fields: [] },
  { name: 'a default of the server', desired: { a: 1 }, live: { a: 1, policy: 'Always' }, fields: [] },
  { name: 'another value', desired: { a: { b: 1 } }, live: { a: { b: 2 } }, fields: ['spec.a.b'] },
  { name: 'a missing field', desired: { a: 1 }, live: {}, fields: ['spec.a'] },
  { name: 'undefined is not desired', desired: { a: undefined }, live: { a: 3 }, fields: [] },
  {
    name: 'zero values are not stored',
    desired: { a: false, b: '', c: [], d: {}, e: { f: [] }, g: 0, h: null },
    live: {},
    fields: [],
  },
  {
    name: 'zero is another value than one',
    desired: { replicas: 0 },
    live: { replicas: 1 },
    fields: ['spec.replicas'],
  },
  { name: 'text is not a number', desired: { port: '80' }, live: { port: 80 }, fields: ['spec.port'] },
  {
    name: 'containers go by name, in any order, beside injected ones',
    desired: { containers: [{ name: 'a', image: 'a:1' }, { name: 'b' }] },
    live: { containers: [{ name: 'sidecar' }, { name: 'b' }, { name: 'a', image: 'a:1', imagePullPolicy: 'Always' }] },
    fields: [],
  },
  {
    name: 'a container changed and one gone',
    desired: { containers: [{ name: 'a', image: 'a:1' }, { name: 'b' }] },
    live: { containers: [{ name: 'a', image: 'a:2' }] },
    fields: ['spec.containers["a"].image', 'spec.containers["b"]'],
  },
  {
    name: 'environment variables go by name',
    desired: {
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    },
    live: {
      env: [
        { name: 'B', value: '2' },
        { name: 'A', value: '0' },
      ],
    },
    fields: ['spec.env["A"].value'],
  },
  {
    name: 'container ports go by number and protocol, TCP by default',
    desired: { ports: [{ containerPort: 80 }] },
    live: {
      ports: [
        { containerPort: 80, protocol: 'UDP' },
        { containerPort: 80, protocol: 'TCP' },
      ],
    },
    fields: [],
  },
  {
    name: 'service ports go by port',
    desired: { ports: [{ port: 80, targetPort: 'http' }] },
    live: { ports: [{ port: 80, protocol: 'TCP', targetPort: 'other' }] },
    fields: ['spec.ports[80,"TCP"].targetPort'],
  },
  {
    name: 'ports of a NetworkPolicy rule go by position',
    desired: { ports: [{ protocol: 'TCP', port: 8443 }, { protocol: 'UDP' }] },
    live: { ports: [{ protocol: 'TCP', port: 8443 }, { protocol: 'UDP' }] },
    fields: [],
  },
  {
    name: 'a label that somebody added to a selector',
    desired: { selector: { app: 'a' }, podSelector: { matchLabels: { app: 'a' } } },
    live: { selector: { app: 'a', b: 'c' }, podSelector: { matchLabels: { app: 'a', b: 'c' } } },
    fields: ['spec.selector.b', 'spec.podSelector.matchLabels.b'],
  },
  {
    name: 'a peer that somebody widened: an empty selector selects all',
    desired: { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'a' } } }] }] },
    live: { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'a' } }, namespaceSelector: {} }] }] },
    fields: ['spec.ingress[0].from[0].namespaceSelector'],
  },
  {
    name: 'a port that somebody added to a rule',
    desired: { egress: [{ ports: [{ port: 53, protocol: 'UDP' }] }] },
    live: {
      egress: [
        {
          ports: [
            { port: 53, protocol: 'UDP' },
            { port: 22, protocol: 'TCP' },
          ],
        },
      ],
    },
    fields: ['spec.egress[0].ports'],
  },
  {
    name: 'zero values in what is taken as one value',
    desired: { tolerations: [{ key: 'a', value: '' }], selector: {}, metrics: [] },
    live: { tolerations: [{ key: 'a' }], selector: {} },
    fields: [],
  },
  {
    name: 'a toleration that somebody shortened',
    desired: { tolerations: [{ key: 'a' }] },
    live: { tolerations: [{ key: 'a', tolerationSeconds: 1 }] },
    fields: ['spec.tolerations[0].tolerationSeconds'],
  },
  {
    name: 'other lists go by position and length',
    desired: { tolerations: [{ key: 'a' }, { key: 'b' }] },
    live: { tolerations: [{ key: 'b' }, { key: 'a' }] },
    fields: ['spec.tolerations[0].key', 'spec.tolerations[1].key'],
  },
  {
    name: 'a list with one more element',
    desired: { args: ['a'] },
    live: { args: ['a', 'b'] },
    fields: ['spec.args'],
  },
  {
    name: 'a map where a list was',
    desired: { a: [1] },
    live: { a: { 0: 1 } },
    fields: ['spec.a'],
  },
];

describe('findDifferences', () => {
  test.each(cases)('$name', ({ desired, live, fields }) => {
    expect(findDifferences(object(desired), object(live))).toEqual(fields);
    expect(differs(object(desired), object(live))).toBe(fields.length > 0);
  });

  test('labels, annotations and finalizers of others are theirs', () => {
    const desired = { ...object({}), metadata: { name: 'thing', labels: { a: '1' }, finalizers: ['ours'] } };
    const live = { ...object({}), metadata: { name: 'thing', labels: { a: '1', b: '2' }, finalizers: ['x', 'ours'] } };
    expect(findDifferences(desired, live)).toEqual([]);
    expect(findDifferences(desired, { ...live, metadata: { ...live.metadata, finalizers: ['x'] } })).toEqual([
      'metadata.finalizers',
    ]);
  });

  const json = fc.jsonValue({ maxDepth: 4 });
  const fields = fc.dictionary(fc.string(), json, { noNullPrototype: true });

  test('an object never differs from itself, or from itself with more fields', () => {
    fc.assert(
      fc.property(fields, fields, (desired, more) => {
        expect(findDifferences(object(desired), object(structuredClone(desired)))).toEqual([]);
        expect(findDifferences(object(desired), object({ ...more, ...desired }))).toEqual([]);
      }),
    );
  });

  test('any single leaf that changes is found', () => {
    const leaf = fc.oneof(fc.string({ minLength: 1 }), fc.integer({ min: 1 }), fc.constant(true));
    const tree = fc.dictionary(fc.string(), fc.oneof(leaf, fc.array(leaf), fc.dictionary(fc.string(), leaf)), {
      minKeys: 1,
    });
    const paths = (value: unknown, path: (string | number)[]): (string | number)[][] =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([name, inner]) => paths(inner, [...path, name]))
        : [path];
    const replace = (value: unknown, [head, ...rest]: (string | number)[]): unknown => {
      if (head === undefined) return { other: true };
      if (Array.isArray(value))
        return value.map((each, index) => (String(index) === head ? replace(each, rest) : each));
      return Object.fromEntries(
        Object.entries(value ?? {}).map(([name, each]) => [name, name === head ? replace(each, rest) : each]),
      );
    };
    fc.assert(
      fc.property(tree, fc.nat(), (desired, pick) => {
        const leaves = paths(desired, []);
        const path = leaves[pick % Math.max(1, leaves.length)];
        fc.pre(path !== undefined);
        expect(findDifferences(object(desired), object(replace(desired, path)))).toHaveLength(1);
      }),
    );
  });
});

describe('findApplyReason', () => {
  const annotation = 'example.com/desired-hash';
  const desired = object({ a: 1, b: 2 });
  const live = (from: KubernetesObject, spec: unknown) => ({
    ...withDesiredHash(from, annotation),
    metadata: { ...withDesiredHash(from, annotation).metadata, name: 'thing', uid: 'uid', resourceVersion: '1' },
    spec,
  });

  test('nothing to write when nothing differs', () => {
    expect(findApplyReason(desired, live(desired, { a: 1, b: 2, defaulted: true }), annotation)).toBeUndefined();
  });

  test('missing, changed, drifted', () => {
    expect(findApplyReason(desired, undefined, annotation)).toEqual({ reason: 'missing' });
    expect(findApplyReason(desired, live(desired, { a: 1, b: 3 }), annotation)).toEqual({
      reason: 'drifted',
      fields: ['spec.b'],
    });
  });

  test('what a webhook mutates is no drift, anything else is', () => {
    const mutated = findDifferences(desired, live(desired, { a: 'webhook', b: 2 }));
    expect(findApplyReason(desired, live(desired, { a: 'webhook', b: 2 }), annotation, mutated)).toBeUndefined();
    expect(findApplyReason(desired, live(desired, { a: 'webhook', b: 3 }), annotation, mutated)).toEqual({
      reason: 'drifted',
      fields: ['spec.b'],
    });
  });

  test('a field that is no longer desired counts as a change, though no desired field differs', () => {
    const before = object({ a: 1, b: 2, dropped: true });
    expect(findApplyReason(desired, live(before, before.spec), annotation)).toEqual({ reason: 'changed' });
  });

  test('the hash depends on content, not on the order of fields', () => {
    expect(hashDesired(object({ b: 2, a: 1, c: undefined }))).toBe(hashDesired(desired));
    expect(hashDesired(object({ a: 1, b: 3 }))).not.toBe(hashDesired(desired));
    expect(hashDesired(object({ a: [1, 2] }))).not.toBe(hashDesired(object({ a: [2, 1] })));
  });
});
