import { expect, it } from 'vitest';
import { annotations } from '../../api/group.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { buildTenant } from '../../testing/tenants.ts';
import { readRestart } from './restart.ts';

const deploymentWith = (value: string): LiveObject & { spec: object } => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'acme-auth', uid: 'u', resourceVersion: '1' },
  spec: { template: { metadata: { annotations: { [annotations.restart]: value } } } },
});
const asked = (value?: string, objects: readonly LiveObject[] = []) =>
  readRestart({
    tenant: buildTenant({}, value === undefined ? {} : { annotations: { [annotations.restart]: value } }),
    objects,
  });

it('is what the tenant says', () => {
  expect(asked()).toBeUndefined();
  expect(asked('1')).toBe('1');
  expect(asked('2', [deploymentWith('1')])).toBe('2');
});

it('stays what it was when the annotation goes: that asks for no restart', () => {
  expect(asked(undefined, [deploymentWith('1')])).toBe('1');
  expect(asked('', [deploymentWith('1')])).toBe('1');
});

it('is bounded, and any other value is still another one', () => {
  const values = ['a', 'b'].map((letter) => asked(letter.repeat(100_000)) ?? '');
  expect(values.map(({ length }) => length)).toEqual([64, 64]);
  expect(new Set(values).size).toBe(2);
});
