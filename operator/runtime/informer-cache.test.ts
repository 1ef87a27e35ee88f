import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CacheChange, InformerCache } from './informer-cache.ts';
import type { LiveObject } from './kubernetes-object.ts';

interface Thing extends LiveObject {
  readonly colour: string;
}

const thing = (name: string, version: number, more: { colour?: string; owner?: string; namespace?: string } = {}) => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: {
    name,
    namespace: more.namespace ?? 'default',
    uid: `uid-${name}`,
    resourceVersion: String(version),
    ...(more.owner === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: 'v1', kind: 'Owner', name: 'owner', uid: more.owner }] }),
  },
  colour: more.colour ?? 'red',
});

const createCache = (namespaces?: string[]) =>
  new InformerCache<string, Thing, 'colour' | 'owner'>({
    project: ({ metadata, colour }) => `${metadata.name}@${metadata.resourceVersion} ${colour}`,
    indexes: {
      colour: ({ colour }) => [colour],
      owner: ({ metadata }) => (metadata.ownerReferences ?? []).map(({ uid }) => uid),
    },
    ...(namespaces === undefined ? {} : { namespaces }),
  });

describe('InformerCache', () => {
  test('finds projections by name and index, and forgets old index entries', () => {
    const cache = createCache();
    cache.upsert(thing('a', 1, { owner: 'o1' }));
    cache.upsert(thing('b', 2, { owner: 'o1', colour: 'blue' }));
    expect(cache.get('default', 'a')).toBe('a@1 red');
    expect(cache.byIndex('owner', 'o1')).toEqual(['a@1 red', 'b@2 blue']);
    cache.upsert(thing('a', 3, { owner: 'o2', colour: 'blue' }));
    expect(cache.byIndex('owner', 'o1')).toEqual(['b@2 blue']);
    expect(cache.byIndex('colour', 'red')).toEqual([]);
    expect(cache.byIndex('colour', 'blue').sort()).toEqual(['a@3 blue', 'b@2 blue']);
    cache.remove(thing('b', 4));
    expect(cache.byIndex('colour', 'blue')).toEqual(['a@3 blue']);
  });

  test('keeps an object that was made anew while the events of the one before come', () => {
    const cache = createCache();
    const changes: string[] = [];
    const made = thing('a', 1);
    const again = { ...thing('a', 5), metadata: { ...thing('a', 5).metadata, uid: 'another' } };
    cache.upsert(made);
    // Deleted and made again by ourselves, before the watch says a word of it.
    cache.remember(again);
    cache.onChange(({ type }) => changes.push(type));
    cache.upsert(thing('a', 3));
    cache.remove(thing('a', 4));
    expect(cache.get('default', 'a')).toBe('a@5 red');
    // What has gone does not come back by an answer that was under way.
    cache.remove(again);
    cache.remember(thing('a', 2));
    expect([cache.get('default', 'a'), changes]).toEqual([undefined, ['deleted']]);
  });

  test('reports each change once, and nothing for a version it has', () => {
    const cache = createCache();
    const changes: CacheChange<string>[] = [];
    const unsubscribe = cache.onChange((change) => changes.push(change));
    const first = cache.beginList(undefined);
    first.add([thing('a', 1), thing('b', 2)]);
    first.commit();
    cache.upsert(thing('a', 1));
    cache.upsert(thing('a', 3));
    const second = cache.beginList(undefined);
    second.add([thing('a', 3)]);
    second.commit();
    unsubscribe();
    cache.remove(thing('a', 4));
    expect(changes.map(({ type, key, source }) => [type, key, source])).toEqual([
      ['added', 'default/a', 'list'],
      ['added', 'default/b', 'list'],
      ['updated', 'default/a', 'watch'],
      ['deleted', 'default/b', 'list'],
    ]);
    expect(changes[2]).toMatchObject({ before: 'a@1 red', after: 'a@3 red' });
  });

  test('an event older than an answer already taken in is ignored', () => {
    const cache = createCache();
    cache.upsert(thing('a', 10));
    cache.upsert(thing('a', 9));
    expect(cache.get('default', 'a')).toBe('a@10 red');
    // A restored backup counts backwards; a list is the truth all the same.
    const list = cache.beginList(undefined);
    list.add([thing('a', 5)]);
    list.commit();
    expect(cache.get('default', 'a')).toBe('a@5 red');
  });

  test('is complete when every namespace was listed; a list speaks for its own only', async () => {
    const cache = createCache(['one', 'two']);
    const synced = cache.waitForSync(new AbortController().signal);
    cache.upsert(thing('kept', 1, { namespace: 'two' }));
    cache.beginList('one').commit();
    expect(cache.synced).toBe(false);
    expect(cache.get('two', 'kept')).toBeDefined();
    const two = cache.beginList('two');
    two.add([thing('kept', 1, { namespace: 'two' })]);
    two.commit();
    expect(await synced).toBe(true);
    expect(cache.list('two')).toEqual(['kept@1 red']);
  });

  test('waiting ends with the signal', async () => {
    const abort = new AbortController();
    const synced = createCache().waitForSync(abort.signal);
    abort.abort();
    expect(await synced).toBe(false);
  });

  test('takes in the answer to a write, unless something newer is known', () => {
    const cache = createCache();
    cache.remember(thing('a', 5));
    expect(cache.size).toBe(1);
    cache.remember(thing('a', 4, { colour: 'blue' }));
    expect(cache.get('default', 'a')).toMatch(/@5/);
    cache.upsert(thing('a', 6));
    cache.remember(thing('a', 5));
    expect(cache.get('default', 'a')).toMatch(/@6/);
  });

  test('does not bring back by an answer what was seen to go', () => {
    const cache = createCache();
    cache.upsert(thing('a', 5));
    cache.remove(thing('a', 6));
    cache.remember(thing('a', 5));
    expect(cache.size).toBe(0);
    // The watch has the last word.
    cache.upsert(thing('a', 7));
    expect(cache.size).toBe(1);
  });

  test('whatever happens, indexes say what a scan says', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      type: fc.constantFrom('upsert', 'remove', 'relist'),
      colour: fc.constantFrom('red', 'blue'),
      owner: fc.constantFrom('o1', 'o2'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const cache = createCache();
        const model = new Map<string, Thing>();
        for (const [version, { name, type, colour, owner }] of steps.entries()) {
          const object = thing(name, version, { colour, owner });
          if (type === 'upsert') {
            model.set(name, object);
            cache.upsert(object);
          } else if (type === 'remove') {
            model.delete(name);
            cache.remove(object);
          } else {
            model.clear();
            model.set(name, object);
            const list = cache.beginList(undefined);
            list.add([object]);
            list.commit();
          }
        }
        const projected = (things: Thing[]): string[] =>
          things.map(({ metadata, colour }) => `${metadata.name}@${metadata.resourceVersion} ${colour}`).sort();
        const all = [...model.values()];
        expect(cache.list().sort()).toEqual(projected(all));
        for (const colour of ['red', 'blue']) {
          expect(cache.byIndex('colour', colour).sort()).toEqual(
            projected(all.filter((each) => each.colour === colour)),
          );
        }
        for (const owner of ['o1', 'o2']) {
          const owned = all.filter((each) => each.metadata.ownerReferences?.[0]?.uid === owner);
          expect(cache.byIndex('owner', owner).sort()).toEqual(projected(owned));
        }
      }),
    );
  });
});
