import { describe, expect, it } from 'vitest';
import { buildCustomResourceDefinitions } from './custom-resource-definition.ts';
import { buildFieldReference, fieldReferenceName } from './field-reference.ts';
import type { StructuralSchema } from './structural-schema.ts';

const pages = new Map(
  buildCustomResourceDefinitions().map((definition) => [
    fieldReferenceName(definition),
    { definition, text: buildFieldReference(definition) },
  ]),
);

const rowOf = (page: string, path: string): string | undefined =>
  pages
    .get(page)
    ?.text.split('\n')
    .find((line) => line.startsWith(`| \`${path}\` |`));

/** Every path of a schema, as an independent walk finds them. */
const pathsOf = ({ properties, items }: StructuralSchema, path: string): string[] =>
  items === undefined
    ? Object.entries(properties ?? {}).flatMap(([name, child]) => [
        `${path}.${name}`,
        ...pathsOf(child, `${path}.${name}`),
      ])
    : pathsOf(items, `${path}[]`);

describe('the field reference', () => {
  it.each([...pages.values()])('has one row for each field', ({ definition, text }) => {
    const { spec, status } = definition.spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
    if (spec === undefined || status === undefined) throw new Error('a CRD has a spec and a status');
    const paths = [...pathsOf(spec, 'spec'), ...pathsOf(status, 'status')];
    const rows = text.split('\n').flatMap((line) => /^\| `([^`]+)` \| [^|]+\| [^|]*\| .*\|$/.exec(line)?.[1] ?? []);
    expect(rows.filter((row) => row.startsWith('spec') || row.startsWith('status')).sort()).toEqual(paths.sort());
  });

  it('says what is required, and what the default is otherwise', () => {
    expect(rowOf('identitytenant.md', 'spec.issuer')).toContain('| string | **required** |');
    expect(rowOf('identitytenant.md', 'spec.deletionPolicy')).toContain('| string | `"Retain"` |');
  });

  it('names durations and quantities by their kind, not by their pattern', () => {
    expect(rowOf('identitytenant.md', 'spec.tokens.accessTokenTTL')).toMatch(/\| duration \| `"10m"` \| [^^]*$/);
    expect(rowOf('identitytenant.md', 'spec.auth.resources.requests.cpu')).toContain('| quantity |');
  });

  it('says the limits and the rules that the API server holds', () => {
    expect(rowOf('identitytenant.md', 'spec.keys.algorithm')).toContain('One of `ES256`, `EdDSA`, `RS256`, `PS256`.');
    expect(rowOf('identitytenant.md', 'spec.gateway.routes')).toContain('unique by `name`');
    expect(rowOf('identitytenant.md', 'spec.gateway.routes[].upstream.port')).toContain('1 to 65535');
    expect(rowOf('identitytenant.md', 'spec.issuer')).toContain('Rule: issuer cannot be changed');
    expect(pages.get('identityclient.md')?.text).toContain('- redirectURIs must name at least one URI');
  });
});
