import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHeldByCreator, keepCreator, planOwnership } from './field-ownership.ts';
import type { LiveObject, ManagedFieldsEntry } from './kubernetes-object.ts';

const operator = 'operator';
const replicas = { path: ['f:spec', 'f:replicas'], manager: 'operator-replicas' };

const entry = (manager: string, operation: string, fieldsV1: object, more: ManagedFieldsEntry = {}) => ({
  manager,
  operation,
  apiVersion: 'apps/v1',
  time: '2026-11-25T08:00:00Z',
  fieldsType: 'FieldsV1',
  fieldsV1,
  ...more,
});

const heldBy = (...managedFields: ManagedFieldsEntry[]): LiveObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'auth', uid: 'u', resourceVersion: '7', managedFields },
});

const created = { 'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } }, 'f:spec': { 'f:replicas': {}, 'f:x': {} } };
const withoutReplicas = { 'f:metadata': created['f:metadata'], 'f:spec': { 'f:x': {} } };

describe('whose the fields of a created object are', () => {
  it.each<[string, ManagedFieldsEntry[], boolean]>([
    ['of its creator', [entry(operator, 'Update', created)], true],
    ['of our applies', [entry(operator, 'Apply', created)], false],
    ['of somebody else', [entry('kubectl', 'Update', created)], false],
    ['of whoever writes the status', [entry(operator, 'Update', {}, { subresource: 'status' })], false],
    ['of nobody', [], false],
  ])('%s', (_what, entries, isHeld) => {
    const object = heldBy(...entries);
    expect(isHeldByCreator(object, operator)).toBe(isHeld);
    expect(planOwnership(object, operator) === undefined).toBe(!isHeld);
    // As caches keep it.
    const kept = keepCreator(object, operator);
    expect(isHeldByCreator(kept, operator)).toBe(isHeld);
    expect(JSON.stringify(kept)).not.toContain('fieldsV1');
  });
});

describe('taking over what was created', () => {
  it.each<[string, ManagedFieldsEntry[], ManagedFieldsEntry[]]>([
    ['all of it', [entry(operator, 'Update', created)], [entry(operator, 'Apply', created)]],
    [
      'beside what others hold, which stays theirs',
      [entry('hpa', 'Update', { 'f:spec': { 'f:replicas': {} } }), entry(operator, 'Update', withoutReplicas)],
      [entry('hpa', 'Update', { 'f:spec': { 'f:replicas': {} } }), entry(operator, 'Apply', withoutReplicas)],
    ],
    [
      'together with what our applies hold already',
      [entry(operator, 'Apply', { 'f:spec': { 'f:y': {} } }), entry(operator, 'Update', withoutReplicas)],
      [entry(operator, 'Apply', { ...withoutReplicas, 'f:spec': { 'f:x': {}, 'f:y': {} } })],
    ],
  ])('%s', (_what, before, after) => {
    expect(planOwnership(heldBy(...before), operator)).toEqual(after);
  });

  it('hands a field over to the manager that applies it', () => {
    expect(planOwnership(heldBy(entry(operator, 'Update', created)), operator, [replicas])).toEqual([
      entry(operator, 'Apply', withoutReplicas),
      entry('operator-replicas', 'Apply', { 'f:spec': { 'f:replicas': {} } }),
    ]);
  });

  it('hands nothing over that an autoscaler has taken meanwhile', () => {
    const taken = entry('hpa', 'Update', { 'f:spec': { 'f:replicas': {} } }, { subresource: 'scale' });
    expect(planOwnership(heldBy(taken, entry(operator, 'Update', withoutReplicas)), operator, [replicas])).toEqual([
      taken,
      entry(operator, 'Apply', withoutReplicas),
    ]);
  });

  it('loses no field, whatever there was', () => {
    const { fields } = fc.letrec<{ fields: object }>((tie) => ({
      fields: fc.oneof(
        { maxDepth: 3 },
        fc.constant({}),
        fc.dictionary(fc.constantFrom('f:spec', 'f:a', 'k:{"name":"b"}', '.'), tie('fields')),
      ),
    }));
    const ends = (set: object, path = ''): string[] =>
      Object.entries(set).flatMap(([name, below]) => [`${path}/${name}`, ...ends(below, `${path}/${name}`)]);
    fc.assert(
      fc.property(fields, fields, (made, applied) => {
        const before = heldBy(entry(operator, 'Update', made), entry(operator, 'Apply', applied));
        const after = planOwnership(before, operator) ?? [];
        const held = (entries: readonly ManagedFieldsEntry[]) =>
          new Set(entries.flatMap(({ fieldsV1 }) => ends(fieldsV1 ?? {})));
        expect([...held(after)]).toEqual(expect.arrayContaining([...held(before.metadata.managedFields ?? [])]));
        expect(after.filter(({ operation }) => operation !== 'Apply')).toEqual([]);
      }),
    );
  });
});
