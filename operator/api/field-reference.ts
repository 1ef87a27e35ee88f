import type { buildCustomResourceDefinitions } from './custom-resource-definition.ts';
import { durationSchema } from './duration.ts';
import { buildStructuralSchema, type StructuralSchema } from './structural-schema.ts';

type Definition = ReturnType<typeof buildCustomResourceDefinitions>[number];

/** One line of a table: a field by its path, as `kubectl explain` spells it, with `[]` for the elements of a list. */
type Row = { readonly path: string; readonly isRequired: boolean; readonly schema: StructuralSchema };

const durationPattern = buildStructuralSchema(durationSchema, 'duration')['pattern'];

/** Code in a cell of a table: a pipe would end the cell. */
const code = (text: unknown): string => `\`${String(text).replaceAll('|', '\\|')}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const isRequiredIn = ({ required = [] }: StructuralSchema, name: string): boolean => required.includes(name);

const typeOf = (schema: StructuralSchema): string => {
  if (schema['x-kubernetes-int-or-string'] === true)
    return schema['pattern'] === undefined ? 'int or string' : 'quantity';
  if (schema['pattern'] === durationPattern) return 'duration';
  if (schema['format'] === 'date-time') return 'time';
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties !== undefined) return `map of ${typeOf(schema.additionalProperties)}`;
  return schema.type ?? 'any';
};

const boundOf = (schema: StructuralSchema, [least, most]: readonly [string, string], unit: string): string[] => {
  const [from, to] = [schema[least], schema[most]];
  if (from === undefined && to === undefined) return [];
  if (from === undefined) return [`at most ${to}${unit}`];
  return [to === undefined ? `at least ${from}${unit}` : `${from} to ${to}${unit}`];
};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** What the API server checks of a value, in words. */
const limitsOf = (schema: StructuralSchema): string[] => {
  const isQuantity = typeOf(schema) === 'quantity';
  const values = listOf(schema['enum']);
  const keys = listOf(schema['x-kubernetes-list-map-keys']);
  return [
    ...(values.length === 0 ? [] : [`one of ${values.map(code).join(', ')}`]),
    ...(isQuantity ? [] : boundOf(schema, ['minimum', 'maximum'], '')),
    ...(values.length > 0 || typeOf(schema) === 'duration' || isQuantity
      ? []
      : boundOf(schema, ['minLength', 'maxLength'], ' characters')),
    ...boundOf(schema, ['minItems', 'maxItems'], ' elements'),
    ...(keys.length === 0 ? [] : [`unique by ${keys.map(code).join(', ')}`]),
    ...(schema['x-kubernetes-list-type'] === 'set' ? ['no element twice'] : []),
    ...(schema['pattern'] === undefined || isQuantity || typeOf(schema) === 'duration'
      ? []
      : [`matches ${code(schema['pattern'])}`]),
    ...(schema.items === undefined || schema.items.properties !== undefined
      ? []
      : limitsOf(schema.items).map((limit) => `each ${limit}`)),
  ];
};

/** Messages of the CEL rules, which say themselves what to write. */
const rulesOf = (schema: StructuralSchema): string[] =>
  listOf(schema['x-kubernetes-validations']).flatMap((rule) =>
    typeof rule === 'object' && rule !== null && 'message' in rule ? [String(rule.message)] : [],
  );

const sentence = (text: string): string => (/[.!?:]$/.test(text) ? text : `${text}.`);

const meaningOf = (schema: StructuralSchema): string => {
  const limits = limitsOf(schema).join(', ');
  return [
    ...(schema.description === undefined ? [] : [cell(sentence(schema.description))]),
    ...(limits === '' ? [] : [sentence(limits.charAt(0).toUpperCase() + limits.slice(1))]),
    ...rulesOf(schema).map((rule) => cell(`Rule: ${sentence(rule)}`)),
  ].join(' ');
};

const rowsOf = (schema: StructuralSchema, path: string): Row[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const childPath = `${path}.${name}`;
    const row = { path: childPath, isRequired: isRequiredIn(schema, name), schema: child };
    if (child.items?.properties !== undefined) return [row, ...rowsOf(child.items, `${childPath}[]`)];
    return [row, ...rowsOf(child, childPath)];
  });

/** `{}` is where the API server fills in the defaults of the fields below. */
const defaultOf = (schema: StructuralSchema): string =>
  schema.default === undefined || schema.properties !== undefined ? '' : code(JSON.stringify(schema.default));

const renderRow = ({ path, isRequired, schema }: Row): string =>
  `| ${code(path)} | ${typeOf(schema)} | ${isRequired ? '**required**' : defaultOf(schema)} | ${meaningOf(schema)} |`;

const renderTable = (rows: readonly Row[]): string[] => [
  '| Field | Type | Default | Meaning |',
  '| --- | --- | --- | --- |',
  ...rows.map(renderRow),
];

const isSection = ({ properties, items }: StructuralSchema): boolean =>
  properties !== undefined || items?.properties !== undefined;

/** A table of the plain fields, then one for each field that has fields of its own. */
const renderObject = (schema: StructuralSchema, path: string): string[] => {
  const children = Object.entries(schema.properties ?? {});
  const plain = children.filter(([, child]) => !isSection(child));
  const nested = children.filter(([, child]) => isSection(child));
  const rules = rulesOf(schema).map((rule) => `- ${sentence(rule)}`);
  return [
    `## ${path}`,
    '',
    ...(rules.length === 0 ? [] : ['Rules across fields:', '', ...rules, '']),
    ...renderTable(
      plain.map(([name, child]) => ({
        path: `${path}.${name}`,
        isRequired: isRequiredIn(schema, name),
        schema: child,
      })),
    ),
    ...nested.flatMap(([name, child]) => {
      const childPath = `${path}.${name}`;
      const own = { path: childPath, isRequired: isRequiredIn(schema, name), schema: child };
      const below = child.items === undefined ? rowsOf(child, childPath) : rowsOf(child.items, `${childPath}[]`);
      return ['', `### ${childPath}`, '', ...renderTable([own, ...below])];
    }),
    '',
  ];
};

/**
 * The field reference of one custom resource as Markdown: types, defaults, limits and rules as the API server has them,
 * out of the same schema as the CRD.
 */
export const buildFieldReference = ({ spec }: Definition): string => {
  const { names, versions } = spec;
  return versions
    .flatMap(({ name: version, additionalPrinterColumns: columns, schema: { openAPIV3Schema: root } }) => [
      `# ${names.kind}`,
      '',
      `<!-- Generated by \`make generate\` from operator/api; edits are lost. -->`,
      '',
      `${root.description} \`${spec.group}/${version}\`, namespaced, short name \`${names.shortNames.join(', ')}\`.`,
      '',
      'A duration is a Go duration such as `90s`, `10m` or `720h`; a quantity is one of Kubernetes, `500m` or `1.5Gi`.',
      '',
      ...rulesOf(root).map((rule) => `${sentence(rule)}\n`),
      ...renderObject(root.properties.spec, 'spec'),
      ...renderObject(root.properties.status, 'status'),
      '## Columns of kubectl get',
      '',
      '| Column | Value | Shown |',
      '| --- | --- | --- |',
      ...columns.map(
        ({ name, jsonPath, priority }) =>
          `| ${name.toUpperCase()} | ${code(jsonPath)} | ${priority === 1 ? 'with `-o wide`' : 'always'} |`,
      ),
      '',
    ])
    .join('\n');
};

/** Path of a resource's page below `docs/reference`. */
export const fieldReferenceName = ({ spec }: Definition): string => `${spec.names.singular}.md`;
