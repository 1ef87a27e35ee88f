import { describe, expect, test } from 'vitest';
import { InformerCache } from './informer-cache.ts';
import type { ListPage } from './kubernetes-client.ts';
import { KubernetesError, KubernetesUnreachableError } from './kubernetes-error.ts';
import type { LiveObject } from './kubernetes-object.ts';
import { type ReflectorOptions, runReflector } from './reflector.ts';
import { builtInResources } from './resource-kind.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { silentLog } from './testing/silent-log.ts';
import type { WatchEvent } from './watch-stream.ts';

const object = (name: string, version: number): LiveObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: String(version) },
});

/** What happens at each list or watch in turn; a watch that has no more script stays open in silence. */
interface Script {
  readonly lists: (ListPage<LiveObject> | Error)[];
  readonly watches: (WatchEvent | Error)[][];
  /** Watches that begin with a list; left out: a server that does not stream lists. An empty one stays silent. */
  readonly streams?: (WatchEvent | Error)[][];
}

const page = (resourceVersion: number, items: LiveObject[], more = {}): ListPage<LiveObject> => ({
  items,
  resourceVersion: String(resourceVersion),
  ...more,
});

const start = async (script: Script) => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const calls: string[] = [];
  const client = {
    list: async (_: unknown, { continue: from }: { continue?: string } = {}) => {
      calls.push(from === undefined ? 'list' : `list ${from}`);
      const next = script.lists.shift() ?? page(0, []);
      if (next instanceof Error) throw next;
      return next;
    },
    watch: async function* (
      _: unknown,
      { resourceVersion, signal }: { resourceVersion?: string; signal?: AbortSignal },
    ) {
      if (resourceVersion === undefined && script.streams === undefined) throw refusal(422, 'Invalid');
      calls.push(resourceVersion === undefined ? 'stream' : `watch ${resourceVersion}`);
      const events = (resourceVersion === undefined ? script.streams : script.watches)?.shift();
      for (const event of events ?? []) {
        if (event instanceof Error) throw event;
        yield event;
      }
      if (events !== undefined && events.length > 0) return;
      if (events !== undefined && resourceVersion !== undefined) return;
      await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    },
    // A fake of two verbs; what they answer is of the kind that is asked for.
  } as unknown as ReflectorOptions['client'];
  const cache = new InformerCache<string>({
    project: ({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`,
  });
  const running = runReflector({
    client,
    resource: builtInResources.configMaps,
    store: cache,
    signal: stop.signal,
    clock,
    random: () => 0.5,
    log: silentLog,
  });
  await clock.advance(5_000);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
    expect(clock.pending).toBe(0);
  };
  return { cache, calls, clock, end };
};

const added = (name: string, version: number): WatchEvent => ({ type: 'ADDED', object: object(name, version) });
const listed = (version: number): WatchEvent => ({
  type: 'BOOKMARK',
  resourceVersion: `${version}`,
  initialEventsEnd: true,
});

const unreachable = new KubernetesUnreachableError('WATCH', new Error('reset'));
const refusal = (status: number, reason: string) => new KubernetesError({ message: reason, status, reason });

describe('runReflector', () => {
  test('resumes where the last event or bookmark was', async () => {
    const { cache, calls, end } = await start({
      lists: [page(10, [object('a', 1)])],
      watches: [
        [{ type: 'ADDED', object: object('b', 11) }, unreachable],
        [{ type: 'BOOKMARK', resourceVersion: '20' }],
        [{ type: 'DELETED', object: object('a', 21) }, refusal(503, 'ServiceUnavailable')],
      ],
    });
    expect(calls).toEqual(['list', 'watch 10', 'watch 11', 'watch 20', 'watch 21']);
    expect(cache.list()).toEqual(['b@11']);
    await end();
  });

  test.each([
    { name: 'too old', error: refusal(410, 'Expired') },
    { name: 'no longer allowed', error: refusal(403, 'Forbidden') },
    { name: 'no JSON', error: new SyntaxError('Unexpected end of JSON input') },
  ])('lists anew when a watch ends as $name', async ({ error }) => {
    const { cache, calls, end } = await start({
      lists: [page(10, [object('a', 1), object('b', 2)]), page(30, [object('b', 25)])],
      watches: [[error]],
    });
    expect(calls).toEqual(['list', 'watch 10', 'list', 'watch 30']);
    expect(cache.list()).toEqual(['b@25']);
    await end();
  });

  test('a list that breaks off between pages drops nothing', async () => {
    const { cache, calls, end } = await start({
      lists: [
        page(10, [object('a', 1), object('b', 2)]),
        page(20, [object('a', 15)], { continue: 'next' }),
        refusal(410, 'Expired'),
        unreachable,
        page(30, [object('a', 15)], { continue: 'next' }),
        page(30, [object('c', 16)]),
      ],
      watches: [[refusal(410, 'Expired')]],
    });
    expect(calls).toEqual(['list', 'watch 10', 'list', 'list next', 'list', 'list', 'list next', 'watch 30']);
    expect(cache.list()).toEqual(['a@15', 'c@16']);
    await end();
  });

  describe('where the server streams lists', () => {
    test('lists and watches by one request, and resumes as ever', async () => {
      const { cache, calls, end } = await start({
        lists: [],
        watches: [[{ type: 'DELETED', object: object('a', 12) }, unreachable]],
        streams: [[added('a', 1), added('b', 2), listed(10), added('c', 11), unreachable]],
      });
      expect(calls).toEqual(['stream', 'watch 11', 'watch 12']);
      expect([cache.synced, cache.list()]).toEqual([true, ['b@2', 'c@11']]);
      await end();
    });

    test('takes in what happens while it lists, and drops what is gone when it lists anew', async () => {
      const { cache, calls, end } = await start({
        lists: [],
        watches: [],
        streams: [
          [added('a', 1), added('b', 2), added('c', 3), listed(10), refusal(410, 'Expired')],
          [
            added('b', 2),
            added('c', 3),
            { type: 'BOOKMARK', resourceVersion: '11' },
            { type: 'MODIFIED', object: object('b', 12) },
            { type: 'DELETED', object: object('c', 13) },
            listed(13),
          ],
        ],
      });
      expect(calls).toEqual(['stream', 'stream', 'watch 13']);
      expect(cache.list()).toEqual(['b@12']);
      await end();
    });

    test('a stream that breaks off drops nothing and is no list', async () => {
      const { cache, calls, end } = await start({
        lists: [],
        watches: [],
        streams: [
          [added('a', 1), added('b', 2), unreachable],
          [added('a', 1), listed(10), refusal(410, 'Expired')],
          [added('c', 11), unreachable],
          [],
        ],
      });
      expect(calls).toEqual(['stream', 'stream', 'stream', 'stream']);
      expect([cache.synced, cache.list()]).toEqual([true, ['a@1', 'c@11']]);
      await end();
    });

    test.each([
      { name: 'never says that this was all', stream: [], afterMs: 61_000 },
      { name: 'ends before it has said that this was all', stream: [added('a', 1)], afterMs: 0 },
    ])('asks for pages when it $name', async ({ stream, afterMs }) => {
      const { cache, calls, clock, end } = await start({
        lists: [page(10, [object('a', 1)])],
        watches: [],
        streams: [stream],
      });
      await clock.advance(afterMs);
      expect(calls).toEqual(['stream', 'list', 'watch 10']);
      expect(cache.list()).toEqual(['a@1']);
      await end();
    });
  });

  test('an API server that ends every watch at once is asked ever more seldom', async () => {
    const { calls, clock, end } = await start({
      lists: [page(1, [])],
      watches: Array.from({ length: 1_000 }, () => []),
    });
    await clock.advance(300_000);
    expect(calls.length).toBeLessThan(25);
    await end();
  });
});
