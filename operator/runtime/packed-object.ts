import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import type { LiveObject } from './kubernetes-object.ts';
import { internWords, packText, type Repeated, unpackText } from './packed-text.ts';

type Fields = Readonly<Record<string, unknown>>;
type Metadata = LiveObject['metadata'];
type Version = Pick<Metadata, 'uid' | 'resourceVersion'>;

const parts = { metadata: 0, body: 1 } as const;

// What a pass is just reading. No more than that: what stays for longer than two collections of garbage is taken for what lasts,
// and all of the heap has to be gone through to be rid of it.
const metadataInUse = new LRUCache<object, Metadata>({ max: 64 });
const bodiesInUse = new LRUCache<object, Fields>({ max: 16 });

/** What all packed objects have; those of one kind with the same fields are of one class, which reads the fields. */
class PackedObject {
  readonly #uid: string;
  readonly #resourceVersion: string;
  readonly #template: string;
  readonly #values: string;
  readonly #repeated: Repeated;
  readonly #kept: Fields;

  constructor({ uid, resourceVersion, ...metadata }: Metadata, body: Fields, repeated: Repeated, kept: Fields) {
    const { template, values } = packText([metadata, body], repeated);
    this.#uid = uid;
    this.#resourceVersion = resourceVersion;
    this.#template = template;
    this.#values = values;
    this.#repeated = internWords(repeated);
    this.#kept = kept;
  }

  get metadata(): Metadata {
    const known = metadataInUse.get(this);
    if (known !== undefined) return known;
    // What was packed from metadata is the rest of metadata.
    const others = PackedObject.#unpack(this, 'metadata') as Omit<Metadata, keyof Version>;
    const metadata = { ...others, uid: this.#uid, resourceVersion: this.#resourceVersion };
    metadataInUse.set(this, metadata);
    return metadata;
  }

  static #unpack(object: PackedObject, part: keyof typeof parts): unknown {
    return unpackText({ template: object.#template, values: object.#values }, parts[part], object.#repeated);
  }

  static readKept(object: PackedObject, field: string): unknown {
    return object.#kept[field];
  }

  static readBody(object: PackedObject, field: string): unknown {
    const known = bodiesInUse.get(object);
    if (known !== undefined) return known[field];
    // It was packed from nothing else.
    const body = PackedObject.#unpack(object, 'body') as Fields;
    bodiesInUse.set(object, body);
    return body[field];
  }

  static isPacked(object: object): object is PackedObject {
    return #uid in object;
  }

  static versionOf(object: PackedObject): Version {
    return { uid: object.#uid, resourceVersion: object.#resourceVersion };
  }

  static isSame(one: PackedObject, other: PackedObject): boolean {
    return (
      one.constructor === other.constructor &&
      one.#uid === other.#uid &&
      one.#template === other.#template &&
      one.#values === other.#values &&
      isDeepStrictEqual(one.#repeated, other.#repeated) &&
      isDeepStrictEqual(one.#kept, other.#kept)
    );
  }
}

type Kind = Pick<LiveObject, 'apiVersion' | 'kind'>;

const classes = new Map<string, typeof PackedObject>();

const classOf = (kind: Kind, body: readonly string[], kept: readonly string[]): typeof PackedObject => {
  const key = JSON.stringify([kind.apiVersion, kind.kind, body, kept]);
  const known = classes.get(key);
  if (known !== undefined) return known;
  const made = class extends PackedObject {};
  const define = (field: string, get: (object: PackedObject) => unknown): void => {
    Object.defineProperty(made.prototype, field, {
      get(this: PackedObject) {
        return get(this);
      },
    });
  };
  define('apiVersion', () => kind.apiVersion);
  define('kind', () => kind.kind);
  for (const field of body) define(field, (object) => PackedObject.readBody(object, field));
  for (const field of kept) define(field, (object) => PackedObject.readKept(object, field));
  classes.set(key, made);
  return made;
};

const none: Fields = {};

/**
 * The same object in a quarter of the memory or less, and few things to visit for the garbage collector: text, which objects
 * that are alike share, and what tells this one from them. A part of it is parsed when a field of that is read.
 * All of its fields are inherited: a spread leaves them out.
 * @param repeated of its owner, or its own.
 * @param kept fields beside those of `object`, held as they are: what has nothing in common with that of others.
 */
export const packObject = <T extends LiveObject, Kept extends Fields = Record<never, never>>(
  object: T,
  repeated: Repeated,
  kept?: Kept,
): T & Kept => {
  const { apiVersion, kind, metadata, ...body } = object;
  const packedClass = classOf({ apiVersion, kind }, Object.keys(body), Object.keys(kept ?? none));
  // What reads all fields of both as they were is both.
  return new packedClass(metadata, body, repeated, kept ?? none) as unknown as T & Kept;
};

/** Which version of an object this is, without parsing it where it is packed; undefined of what is no object of Kubernetes. */
export const versionOf = (object: object): Version | undefined => {
  if (PackedObject.isPacked(object)) return PackedObject.versionOf(object);
  const { metadata } = object as { metadata?: { uid?: unknown; resourceVersion?: unknown } };
  return typeof metadata?.uid === 'string' && typeof metadata.resourceVersion === 'string'
    ? { uid: metadata.uid, resourceVersion: metadata.resourceVersion }
    : undefined;
};

/** Whether two versions of an object differ in their resourceVersion alone; packed or not. */
export const isSameContent = (one: Pick<LiveObject, 'metadata'>, other: Pick<LiveObject, 'metadata'>): boolean => {
  if (PackedObject.isPacked(one) && PackedObject.isPacked(other)) return PackedObject.isSame(one, other);
  if (PackedObject.isPacked(one) || PackedObject.isPacked(other)) return false;
  const { resourceVersion } = other.metadata;
  return isDeepStrictEqual({ ...one, metadata: { ...one.metadata, resourceVersion } }, { ...other });
};
