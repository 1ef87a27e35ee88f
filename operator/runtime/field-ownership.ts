import type { LiveObject, ManagedFieldsEntry } from './kubernetes-object.ts';

/** Field paths as the API server writes them (`fieldsV1`): `f:NAME`, `k:KEY` and `v:VALUE` with what is below, `{}` at an end. */
type FieldSet = { readonly [path: string]: FieldSet };

/** Fields that one manager created with everything else, and another one is to apply from now on. */
export type HandedOver = { readonly path: readonly string[]; readonly manager: string };

const isCreation = ({ manager, operation, subresource = '' }: ManagedFieldsEntry, creator: string): boolean =>
  manager === creator && operation === 'Update' && subresource === '';

/**
 * Whether `creator` made this object by a plain create, or changed it by a plain update. Such fields are not of its applies:
 * an apply that leaves one of them out would not take it away.
 */
export const isHeldByCreator = ({ metadata }: LiveObject, creator: string): boolean =>
  metadata.managedFields?.some((entry) => isCreation(entry, creator)) ?? false;

/** What {@link isHeldByCreator} reads, and nothing more: the rest of `managedFields` is half of an object. */
export const keepCreator = (object: LiveObject, creator: string): LiveObject => {
  const { managedFields: _dropped, ...metadata } = object.metadata;
  const kept = isHeldByCreator(object, creator) ? [{ manager: creator, operation: 'Update' }] : undefined;
  return { ...object, metadata: { ...metadata, ...(kept === undefined ? {} : { managedFields: kept }) } };
};

const unite = (one: FieldSet, other: FieldSet): FieldSet => ({
  ...one,
  ...Object.fromEntries(Object.entries(other).map(([path, below]) => [path, unite(one[path] ?? {}, below)])),
});

const without = (fields: FieldSet, [first = '', ...rest]: readonly string[]): FieldSet => {
  const { [first]: found, ...others } = fields;
  if (found === undefined || rest.length === 0) return others;
  const below = without(found, rest);
  return Object.keys(below).length === 0 ? others : { ...others, [first]: below };
};

const holds = (fields: FieldSet | undefined, [first = '', ...rest]: readonly string[]): boolean => {
  const found = fields?.[first];
  return found !== undefined && (rest.length === 0 || holds(found, rest));
};

// The parse boundary: the API server writes nothing else there.
const fieldsOf = ({ fieldsV1 }: ManagedFieldsEntry): FieldSet => (fieldsV1 ?? {}) as FieldSet;

/** Gives `fields` to the applies of `manager`, beside what they hold already. */
const giveTo = (
  entries: readonly ManagedFieldsEntry[],
  manager: string,
  fields: FieldSet,
  { apiVersion, time }: ManagedFieldsEntry,
): ManagedFieldsEntry[] => {
  const known = entries.find(
    (entry) => entry.manager === manager && entry.operation === 'Apply' && (entry.subresource ?? '') === '',
  );
  const fieldsV1 = unite(known === undefined ? {} : fieldsOf(known), fields);
  const given = known ?? { manager, operation: 'Apply', apiVersion, time, fieldsType: 'FieldsV1' };
  return [...entries.filter((entry) => entry !== known), { ...given, fieldsV1 }];
};

const fieldSetOf = (path: readonly string[]): FieldSet =>
  path.reduceRight<FieldSet>((below, name) => ({ [name]: below }), {});

/**
 * `managedFields` under which what `creator` made is held by its applies, so that the next one takes away what it leaves out;
 * what is `handedOver`, and is still the creator's, goes to the applies of that other manager.
 * @returns undefined when the creator holds nothing.
 */
export const planOwnership = (
  { metadata: { managedFields = [] } }: LiveObject,
  creator: string,
  handedOver: readonly HandedOver[] = [],
): readonly ManagedFieldsEntry[] | undefined => {
  const creations = managedFields.filter((entry) => isCreation(entry, creator));
  if (creations.length === 0) return undefined;
  const others = managedFields.filter((entry) => !isCreation(entry, creator));
  return creations.reduce((entries, creation) => {
    const given = handedOver.filter(({ path }) => holds(fieldsOf(creation), path));
    const own = given.reduce((fields, { path }) => without(fields, path), fieldsOf(creation));
    return given.reduce(
      (all, { manager, path }) => giveTo(all, manager, fieldSetOf(path), creation),
      giveTo(entries, creator, own, creation),
    );
  }, others);
};
