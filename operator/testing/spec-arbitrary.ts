import fc from 'fast-check';
import type { StructuralSchema } from '../api/structural-schema.ts';

/** Texts that mean something to shells, templates, HTML, YAML, paths, logs or terminals. */
const hostileTexts = [
  'plain',
  '"quoted" \'text\' `more`',
  '<script>alert(1)</script>',
  '{{ .Values.secret }}',
  '$' + '{jndi:ldap://x}',
  '$(reboot); rm -rf /',
  "' OR 1=1 --",
  '../../etc/passwd',
  'a: b\n---\nkind: Secret',
  '\\n\\u0000\\',
  '\u0000\u0007\u001b[31m',
  '\u202egnp.exe',
  '🔐 Ünïcode 統一碼',
  ' leading and trailing ',
  '%s%n%00',
  'null',
];

const numberOf = (schema: StructuralSchema, keyword: string, fallback: number): number => {
  const value = schema[keyword];
  return typeof value === 'number' ? value : fallback;
};

const stringOf = (schema: StructuralSchema): fc.Arbitrary<string> => {
  const longest = numberOf(schema, 'maxLength', 64);
  const { pattern, enum: choices } = schema;
  if (Array.isArray(choices)) return fc.constantFrom(...choices.map(String));
  if (typeof pattern === 'string')
    return fc
      .stringMatching(new RegExp(pattern))
      .map((text) => (text.length <= longest ? text : text.slice(0, longest)));
  return fc.oneof(
    fc.constantFrom(...hostileTexts).map((text) => text.slice(0, longest)),
    fc.string({ unit: 'grapheme', minLength: numberOf(schema, 'minLength', 0), maxLength: Math.min(longest, 40) }),
    fc.constant('x'.repeat(longest)),
  );
};

const isRequired = ({ required }: StructuralSchema, name: string): boolean => required?.includes(name) ?? false;

/** A value that is not there is `undefined`, which JSON leaves out. */
const objectOf = (schema: StructuralSchema, path: string, given: Given): fc.Arbitrary<unknown> =>
  fc.record(
    Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([name, member]) => {
        const value = arbitraryOf(member, `${path}.${name}`, given);
        return [name, isRequired(schema, name) ? value : fc.oneof(fc.constant(undefined), value)];
      }),
    ),
  );

/** Values for paths of which the schema alone does not tell what is good, since a CEL rule does; the first that fits. */
type Given = readonly (readonly [path: RegExp, values: fc.Arbitrary<unknown>])[];

const keys = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'example.com/a', 'kubernetes.io/hostname', `${'k'.repeat(63)}`) },
  { weight: 1, arbitrary: fc.constantFrom(...hostileTexts) },
);

const arbitraryOf = (schema: StructuralSchema, path: string, given: Given): fc.Arbitrary<unknown> => {
  const known = given.find(([fits]) => fits.test(path))?.[1];
  if (known !== undefined) return known;
  if (schema['x-kubernetes-int-or-string'] === true)
    return fc.constantFrom(1, '500m', '1', '0.25', '2Gi', '1536Mi', '3G', '0', '9Ei', '100k');
  switch (schema.type) {
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: numberOf(schema, 'minimum', 0), max: numberOf(schema, 'maximum', 100_000) });
    case 'string':
      return stringOf(schema);
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}, `${path}[]`, given), {
        minLength: numberOf(schema, 'minItems', 0),
        maxLength: Math.min(3, numberOf(schema, 'maxItems', 3)),
      });
    default:
      return schema.additionalProperties === undefined
        ? objectOf(schema, path, given)
        : fc.dictionary(keys, arbitraryOf(schema.additionalProperties, `${path}{}`, given), {
            maxKeys: 3,
            noNullPrototype: true,
          });
  }
};

/**
 * Specs as a structural schema allows them, with hostile texts where anything may stand: a few fields of the top at a time,
 * so that rules across fields let many of them through.
 * @param base what every spec has
 */
export const specArbitrary = (schema: StructuralSchema, base: object, given: Given): fc.Arbitrary<object> =>
  fc
    .subarray(Object.keys(schema.properties ?? {}), { minLength: 1, maxLength: 3 })
    .chain((names) =>
      fc.record(
        Object.fromEntries(
          names.map((name) => [name, arbitraryOf(schema.properties?.[name] ?? {}, `spec.${name}`, given)]),
        ),
      ),
    )
    // As it would be sent: members that are undefined are not there.
    .map((spec): object => JSON.parse(JSON.stringify({ ...spec, ...base })));
