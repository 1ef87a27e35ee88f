import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

/** Types and reasons are types, which leave nothing at run time: they are read where they are written. */
const unionMembers = [
  ...read('operator/api/conditions.ts').matchAll(/export type (\w+(?:ConditionType|Reason)) =([^;]+);/g),
].flatMap(([, type, members = '']) => [...members.matchAll(/'(\w+)'/g)].map(([, member]) => [type, member] as const));

it('the union types are found', () => {
  expect(unionMembers.map(([type]) => type)).toEqual(
    expect.arrayContaining(['TenantConditionType', 'TenantReason', 'ClientConditionType', 'ClientReason']),
  );
});

it.each(unionMembers)('docs/conditions.md says what to do about the %s %s', (_type, member) => {
  expect(read('docs/conditions.md')).toContain(`\`${member}\``);
});
