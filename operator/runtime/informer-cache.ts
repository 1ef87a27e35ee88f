import { LRUCache } from 'lru-cache';
import { type LiveObject, objectKey, parseObjectKey } from './kubernetes-object.ts';

/** A change of one object in a cache. `source` tells a relist, which may bring thousands, from a watch event. */
export interface CacheChange<T> {
  readonly type: 'added' | 'updated' | 'deleted';
  readonly key: string;
  readonly source: 'list' | 'watch';
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** What a reflector writes into. */
export interface ReflectorStore<T extends LiveObject = LiveObject> {
  /** Begins a full list of `namespace` (all namespaces when undefined). */
  beginList(namespace: string | undefined): ListSession<T>;
  /** An ADDED or MODIFIED event. */
  upsert(object: T): void;
  /** A DELETED event. */
  remove(object: T): void;
}

/** A list that arrives in pages, so that no more than one page of whole objects is in memory. */
export interface ListSession<T extends LiveObject = LiveObject> {
  add(page: readonly T[]): void;
  /** What was listed has gone meanwhile. */
  remove(object: T): void;
  /** The list is complete: what it did not contain is gone. */
  commit(): void;
}

/** Options of {@link InformerCache}. */
export interface InformerCacheOptions<Source extends LiveObject, T, Index extends string> {
  /** What is kept of an object: only what readers need, for whole objects cost three times the memory. */
  readonly project: (object: Source) => T;
  /** The values under which an object is found. */
  readonly indexes?: Readonly<Record<Index, (object: Source) => readonly string[]>>;
  /** The namespaces whose lists make the cache complete; all namespaces as one list when left out. */
  readonly namespaces?: readonly string[];
}

interface Entry<T> {
  readonly resourceVersion: string;
  readonly uid: string;
  readonly value: T;
  /** What it is found under; of the many that are found under one term alone, without a list. */
  readonly terms: Term<T> | readonly Term<T>[];
}

/** What objects are found under. Held once, whatever the number of objects. */
interface Term<T> {
  /** `index name` + NUL + value. */
  readonly text: string;
  /** Made anew with each change, of exactly its length: there are many terms of a few objects, and an array grows by 16. */
  entries: readonly Entry<T>[];
}

/** UIDs of objects that went are known for so many: longer than any answer to a write can be under way. */
const maxGone = 4_096;

const term = (index: string, value: string): string => `${index}\0${value}`;

const isWithin = (key: string, namespace: string | undefined): boolean =>
  namespace === undefined || parseObjectKey(key).namespace === namespace;

const listOf = <T>(terms: Entry<T>['terms']): readonly Term<T>[] => (isList(terms) ? terms : [terms]);

// `Array.isArray` does not know of arrays that nobody changes.
const isList = <T>(terms: Entry<T>['terms']): terms is readonly Term<T>[] => Array.isArray(terms);

// resourceVersions of one kind are comparable numbers (KEP-5504). Anything else never counts as older.
const isOlder = (one: string, other: string): boolean =>
  /^\d+$/.test(one) && /^\d+$/.test(other) && BigInt(one) < BigInt(other);

/**
 * Projections of all objects of one kind, by namespace and name, and by indexes.
 * Readers must not change what they get: it is shared.
 */
export class InformerCache<T, Source extends LiveObject = LiveObject, Index extends string = never>
  implements ReflectorStore<Source>
{
  readonly #project: (object: Source) => T;
  readonly #indexes: readonly (readonly [string, (object: Source) => readonly string[]])[];
  readonly #entries = new Map<string, Entry<T>>();
  readonly #terms = new Map<string, Term<T>>();
  readonly #listeners = new Set<(change: CacheChange<T>) => void>();
  readonly #scopes: readonly (string | undefined)[];
  #unsynced: Set<string | undefined>;
  readonly #syncWaiters = new Set<() => void>();
  /** UIDs of what went. Made with the first, since room for all of them is taken at once, and there are two dozen caches. */
  #gone: LRUCache<string, true> | undefined;

  constructor({ project, indexes, namespaces }: InformerCacheOptions<Source, T, Index>) {
    this.#project = project;
    this.#indexes = Object.entries<(object: Source) => readonly string[]>(indexes ?? {});
    this.#scopes = namespaces ?? [undefined];
    this.#unsynced = new Set(this.#scopes);
  }

  /** Whether every list has been read completely at least once. */
  get synced(): boolean {
    return this.#unsynced.size === 0;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#entries.get(objectKey(namespace, name))?.value;
  }

  /** All of them, or those of one namespace (a scan). */
  list(namespace?: string): T[] {
    return [...this.#entries].filter(([key]) => isWithin(key, namespace)).map(([, { value }]) => value);
  }

  /** The objects that the index function put under `value`. */
  byIndex(index: Index, value: string): T[] {
    return (this.#terms.get(term(index, value))?.entries ?? []).map((entry) => entry.value);
  }

  /** Calls `listener` after each change; the answer removes it. A listener must not throw. */
  onChange(listener: (change: CacheChange<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves to true when the cache is complete, to false when `signal` aborts first. */
  waitForSync(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.synced || signal.aborted) return resolve(this.synced);
      const settle = (): void => {
        this.#syncWaiters.delete(settle);
        signal.removeEventListener('abort', settle);
        resolve(this.synced);
      };
      this.#syncWaiters.add(settle);
      signal.addEventListener('abort', settle, { once: true });
    });
  }

  beginList(namespace: string | undefined): ListSession<Source> {
    const seen = new Set<string>();
    return {
      add: (page) => {
        for (const object of page) seen.add(this.#store(object, 'list'));
      },
      remove: ({ metadata }) => {
        const key = objectKey(metadata.namespace, metadata.name);
        seen.delete(key);
        this.#drop(key, 'list');
      },
      commit: () => {
        for (const key of this.#entries.keys()) {
          if (!seen.has(key) && isWithin(key, namespace)) this.#drop(key, 'list');
        }
        this.#unsynced.delete(namespace);
        if (this.synced) for (const settle of this.#syncWaiters) settle();
      },
    };
  }

  /**
   * Takes in the answer to a write of our own, so that the next reconcile sees it before its event comes. What was seen
   * to go meanwhile does not come back by it, and nothing newer is replaced.
   */
  remember(object: Source): void {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const known = this.#entries.get(objectKey(namespace, name));
    if (this.#gone?.has(uid) === true || (known !== undefined && isOlder(resourceVersion, known.resourceVersion)))
      return;
    this.#store(object, 'watch');
  }

  /**
   * Takes in an object from a watch event. What is older than what is there already is ignored, also where that is another
   * object of the name, which was remembered before the watch has come to it.
   */
  upsert(object: Source): void {
    const { namespace, name, resourceVersion } = object.metadata;
    const known = this.#entries.get(objectKey(namespace, name));
    if (known !== undefined && isOlder(resourceVersion, known.resourceVersion)) return;
    this.#store(object, 'watch');
  }

  /** Forgets everything, as before the first list: the kind is no longer served. */
  reset(): void {
    for (const key of [...this.#entries.keys()]) this.#drop(key, 'list');
    this.#unsynced = new Set(this.#scopes);
  }

  /** Drops an object by a watch event, but not a later one of its name. */
  remove(object: Source): void {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const key = objectKey(namespace, name);
    const known = this.#entries.get(key);
    if (known !== undefined && known.uid !== uid && isOlder(resourceVersion, known.resourceVersion)) this.#bury(uid);
    else this.#drop(key, 'watch');
  }

  #store(object: Source, source: 'list' | 'watch'): string {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const key = objectKey(namespace, name);
    const before = this.#entries.get(key);
    if (before?.resourceVersion === resourceVersion && before.uid === uid) return key;
    const value = this.#project(object);
    this.#unindex(before);
    const entry = { resourceVersion, uid, value, terms: this.#termsOf(object) };
    for (const found of listOf(entry.terms)) found.entries = [...found.entries, entry];
    this.#entries.set(key, entry);
    this.#emit({
      type: before === undefined ? 'added' : 'updated',
      key,
      source,
      before: before?.value,
      after: value,
    });
    return key;
  }

  #bury(uid: string): void {
    this.#gone ??= new LRUCache({ max: maxGone });
    this.#gone.set(uid, true);
  }

  #drop(key: string, source: 'list' | 'watch'): void {
    const before = this.#entries.get(key);
    if (before === undefined) return;
    this.#unindex(before);
    this.#entries.delete(key);
    this.#bury(before.uid);
    this.#emit({ type: 'deleted', key, source, before: before.value, after: undefined });
  }

  #termsOf(object: Source): Entry<T>['terms'] {
    const terms = this.#indexes.flatMap(([index, valuesOf]) =>
      valuesOf(object).map((value) => this.#termOf(term(index, value))),
    );
    const [first, ...others] = terms;
    return first === undefined || others.length > 0 ? terms : first;
  }

  #termOf(text: string): Term<T> {
    const known = this.#terms.get(text);
    if (known !== undefined) return known;
    const made: Term<T> = { text, entries: [] };
    this.#terms.set(text, made);
    return made;
  }

  #unindex(entry: Entry<T> | undefined): void {
    for (const found of entry === undefined ? [] : listOf(entry.terms)) {
      found.entries = found.entries.filter((one) => one !== entry);
      if (found.entries.length === 0) this.#terms.delete(found.text);
    }
  }

  #emit(change: CacheChange<T>): void {
    for (const listener of this.#listeners) listener(change);
  }
}
