import { z } from 'zod';

/** A JSON schema as CRDs hold it: the subset of OpenAPI 3.0 that Kubernetes calls structural. */
export type StructuralSchema = {
  type?: string;
  description?: string;
  properties?: Record<string, StructuralSchema>;
  items?: StructuralSchema;
  additionalProperties?: StructuralSchema;
  required?: string[];
  default?: unknown;
  [keyword: string]: unknown;
};

/** A zod construct that no structural schema can express; `path` names the field. */
export class NotStructuralError extends Error {
  constructor(path: string, why: string) {
    super(`${path}: ${why}`);
    this.name = 'NotStructuralError';
  }
}

const dropped = new Set(['$schema', 'readOnly']);
const refused = ['$ref', 'oneOf', 'allOf', 'not', 'prefixItems', 'propertyNames'];
/** The range that `z.int()` writes down; a CRD says `integer` and means it. */
const isSafeIntegerBound = (keyword: string, value: unknown): boolean =>
  (keyword === 'minimum' && value === Number.MIN_SAFE_INTEGER) ||
  (keyword === 'maximum' && value === Number.MAX_SAFE_INTEGER);

// The parse boundary of this file: zod types its own output loosely, and what is not structural is refused below.
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isIntOrString = (branches: unknown): boolean =>
  Array.isArray(branches) &&
  branches.length === 2 &&
  branches.every(isObject) &&
  branches
    .map(({ type }) => type)
    .sort()
    .join() === 'integer,string';

const convert = (schema: unknown, path: string): StructuralSchema => {
  if (!isObject(schema)) throw new NotStructuralError(path, 'expected a schema');
  for (const keyword of refused) {
    if (keyword in schema) throw new NotStructuralError(path, `${keyword} is not structural`);
  }
  const result: StructuralSchema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (dropped.has(keyword) || isSafeIntegerBound(keyword, value)) continue;
    if (keyword === 'anyOf') {
      if (!isIntOrString(value))
        throw new NotStructuralError(path, 'the only union that is structural is integer or string');
      result['x-kubernetes-int-or-string'] = true;
    } else if (keyword === 'properties' && isObject(value)) {
      result.properties = Object.fromEntries(
        Object.entries(value).map(([name, child]) => [name, convert(child, `${path}.${name}`)]),
      );
    } else if (keyword === 'items') {
      result.items = convert(value, `${path}[]`);
    } else if (keyword === 'additionalProperties') {
      if (isObject(value) && Object.keys(value).length > 0) result.additionalProperties = convert(value, `${path}{}`);
      else if (value !== false) result['x-kubernetes-preserve-unknown-fields'] = true;
    } else if (keyword === 'format' && value === 'date-time') {
      result['format'] = 'date-time';
    } else if (keyword === 'pattern' && schema['format'] === 'date-time') {
      // Kubernetes validates the format itself; zod's pattern of it is a thousand characters long.
    } else {
      result[keyword] = value;
    }
  }
  return result;
};

/**
 * The structural schema of what a user may write: defaults are in, nothing that zod fills in is required.
 * @throws NotStructuralError for unions, tuples, references and whatever else the API server would refuse.
 */
export const buildStructuralSchema = (schema: z.ZodType, root: string): StructuralSchema =>
  convert(z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0' }), root);
