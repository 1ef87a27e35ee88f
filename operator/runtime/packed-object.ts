import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import type { LiveObject } from './kubernetes-object.ts';

/** The body of an object as text, with marks in the place of what tells it from others like it. */
type Packed = { readonly template: string; readonly values: string };

// JSON escapes control characters, so that none of these ever stands in a text.
const marks = { value: '\u0001', between: '\u0002', name: '\u0003', namespace: '\u0004' } as const;
const valueMarks = new RegExp(marks.value, 'g');

// UIDs, hashes, times and addresses: what differs between objects that were made alike.
const telling =
  /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{10,}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\d+\.\d+\.\d+\.\d+/g;

// Lists come sorted by namespace and name, so that the objects of one owner meet here; forgetting costs memory alone.
const texts = new LRUCache<string, string>({ max: 1_024 });
const parts = new LRUCache<string, NonNullable<unknown>>({ max: 16_384 });
/** Bodies of which a pass is just reading several fields. */
const unpacked = new LRUCache<object, Readonly<Record<string, unknown>>>({ max: 128 });

/** The same text, held once in memory while it keeps coming. */
export const internText = (text: string): string => {
  const known = texts.get(text);
  if (known !== undefined) return known;
  texts.set(text, text);
  return text;
};

const internPart = <T extends NonNullable<unknown>>(part: T): T => {
  const text = JSON.stringify(part);
  const known = parts.get(text);
  // What gives the same JSON is the same.
  if (known !== undefined) return known as T;
  parts.set(text, part);
  return part;
};

/** Names that fill most of an object: its own, or that of the owner whose name its own begins with. */
type Names = { readonly name: string; readonly namespace: string };

const pack = (body: unknown, { name, namespace }: Names): Packed => {
  const values: string[] = [];
  let text = JSON.stringify(body);
  if (name !== '') text = text.replaceAll(name, marks.name);
  if (namespace !== '') text = text.replaceAll(namespace, marks.namespace);
  const template = text.replace(telling, (value) => {
    values.push(value);
    return marks.value;
  });
  return { template: internText(template), values: values.join(marks.between) };
};

const unpack = ({ template, values }: Packed, { name, namespace }: Names): Readonly<Record<string, unknown>> => {
  const rest = values.split(marks.between).values();
  const text = template
    .replace(valueMarks, () => rest.next().value ?? '')
    .replaceAll(marks.namespace, () => namespace)
    .replaceAll(marks.name, () => name);
  return JSON.parse(text);
};

const packedBody = Symbol('packed');
const packedNames = Symbol('names');
type Holder = LiveObject & { readonly [packedBody]: Packed; readonly [packedNames]: Names };

const bodyOf = (holder: Holder): Readonly<Record<string, unknown>> => {
  const known = unpacked.get(holder);
  if (known !== undefined) return known;
  const body = unpack(holder[packedBody], holder[packedNames]);
  unpacked.set(holder, body);
  return body;
};

const prototypes = new Map<string, object>();

/** What objects with these fields inherit: each field is read out of the packed body. */
const prototypeOf = (fields: readonly string[]): object => {
  const key = fields.join();
  const known = prototypes.get(key);
  if (known !== undefined) return known;
  const prototype = {};
  for (const field of fields) {
    Object.defineProperty(prototype, field, {
      enumerable: true,
      get(this: Holder) {
        return bodyOf(this)[field];
      },
    });
  }
  prototypes.set(key, prototype);
  return prototype;
};

/**
 * The same object in a third of the memory or less: labels and owners are shared with objects that have the same, and the
 * rest is kept as text that objects which are alike share, and parsed when a field of it is read.
 * Its fields beside apiVersion, kind and metadata are inherited: a spread leaves them out.
 * @param ownerName the name that its own begins with, and that its content repeats.
 */
export const packObject = <T extends LiveObject>(object: T, ownerName: string): T => {
  const { apiVersion, kind, metadata, ...body } = object;
  const names = { name: ownerName, namespace: metadata.namespace ?? '' };
  const holder = Object.create(prototypeOf(Object.keys(body)), {
    [packedBody]: { value: pack(body, names) },
    [packedNames]: { value: internPart(names) },
  });
  // What has the fields of T, own or inherited, is a T.
  return Object.assign(holder, {
    apiVersion: internText(apiVersion),
    kind: internText(kind),
    metadata: packMetadata(metadata),
  }) as T;
};

const isPacked = (object: object): object is Holder => packedBody in object;

const isSameBody = (one: Holder, other: Holder): boolean =>
  Object.getPrototypeOf(one) === Object.getPrototypeOf(other) &&
  one[packedBody].template === other[packedBody].template &&
  one[packedBody].values === other[packedBody].values;

/** Whether two versions of an object differ in their resourceVersion alone; packed or not. */
export const isSameContent = (one: Pick<LiveObject, 'metadata'>, other: Pick<LiveObject, 'metadata'>): boolean => {
  if (isPacked(one) !== isPacked(other)) return false;
  if (isPacked(one) && isPacked(other) && !isSameBody(one, other)) return false;
  const { resourceVersion } = other.metadata;
  return isDeepStrictEqual({ ...one, metadata: { ...one.metadata, resourceVersion } }, { ...other });
};

/** Metadata that shares its labels and owners with others that have the same. */
export const packMetadata = (metadata: LiveObject['metadata']): LiveObject['metadata'] => ({
  ...metadata,
  ...(metadata.namespace === undefined ? {} : { namespace: internText(metadata.namespace) }),
  ...(metadata.creationTimestamp === undefined ? {} : { creationTimestamp: internText(metadata.creationTimestamp) }),
  ...(metadata.labels === undefined ? {} : { labels: internPart(metadata.labels) }),
  ...(metadata.ownerReferences === undefined ? {} : { ownerReferences: internPart(metadata.ownerReferences) }),
  ...(metadata.managedFields === undefined ? {} : { managedFields: internPart(metadata.managedFields) }),
});
