import type { Logger } from 'pino';
import { type BackoffLimits, backoffDelay } from './backoff.ts';
import { type Clock, sleep } from './clock.ts';
import type { ReflectorStore } from './informer-cache.ts';
import type { KubernetesClient, Representation } from './kubernetes-client.ts';
import { hasReason, KubernetesError, KubernetesUnreachableError } from './kubernetes-error.ts';
import type { LiveObject } from './kubernetes-object.ts';
import type { ResourceKind } from './resource-kind.ts';
import type { WatchEvent } from './watch-stream.ts';

/** Options of {@link runReflector}; times in ms. */
export interface ReflectorOptions<T extends LiveObject = LiveObject> {
  readonly client: Pick<KubernetesClient, 'list' | 'watch'>;
  readonly resource: ResourceKind;
  /** All namespaces when left out. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly representation?: Representation | undefined;
  readonly store: ReflectorStore<T>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Objects a page of the list; 500. */
  readonly pageSize?: number;
  /** A watch that brought neither event nor bookmark for this long is dead; 300 s (bookmarks come every minute). */
  readonly stallTimeoutMs?: number;
  /**
   * Everything is listed anew after this long, plus or minus a tenth; 6 h. What notices a watch that has gone silent is
   * `stallTimeoutMs`; this is for an event that was never sent, and a fleet at rest shall cost the API server nothing.
   */
  readonly relistPeriodMs?: number;
  readonly backoff?: BackoffLimits;
  /**
   * Called each time the API server says that this may not be read. With it, that is an ordinary state, tried again
   * every five minutes, since rights may be given later.
   */
  readonly onForbidden?: (() => void) | undefined;
}

const forbiddenRetryMs = 300_000;

/** A list that comes as the beginning of a watch takes longer than this only where something in between holds it up. */
const initialEventsMs = 60_000;

/** The list that a watch should have begun with did not come to its end: pages are asked for instead. */
class InitialEventsError extends Error {
  override readonly name = 'InitialEventsError';
}

// The API server restarts or is overloaded: what was seen stays valid, and a new list would add to its load.
const isPassing = (error: unknown): boolean =>
  error instanceof KubernetesUnreachableError ||
  (error instanceof KubernetesError && [429, 503, 504].includes(error.status));

/**
 * Keeps `store` equal to what the API server has: a list, streamed by the WATCH that goes on from there or, where the
 * server does not do that, in pages before it; WATCH with bookmarks, resumed at the last resourceVersion after a broken
 * connection, and a new list when that is too old (410), when anything else goes wrong, and every `relistPeriodMs`.
 * It resolves when `signal` aborts; it never rejects for what the API server or the network does.
 */
export const runReflector = async <T extends LiveObject>(options: ReflectorOptions<T>): Promise<void> => {
  const { client, resource, namespace, labelSelector, fieldSelector, representation, store, signal, clock, random } =
    options;
  const { pageSize = 500, stallTimeoutMs = 300_000, relistPeriodMs = 6 * 3_600_000 } = options;
  const backoff = options.backoff ?? { baseMs: 200, maxMs: 30_000 };
  const log = options.log.child({ kind: resource.kind, ...(namespace === undefined ? {} : { namespace }) });
  let failures = 0;

  const pause = async (): Promise<void> => {
    failures += 1;
    await sleep(clock, backoffDelay(backoff, failures, random), signal);
  };

  const selection = { namespace, labelSelector, fieldSelector, representation };

  const listPages = async (): Promise<string> => {
    const session = store.beginList(namespace);
    const query = { ...selection, limit: pageSize, signal };
    let page = await client.list<T>(resource, query);
    session.add(page.items);
    while (page.continue !== undefined) {
      page = await client.list<T>(resource, { ...query, continue: page.continue });
      session.add(page.items);
    }
    session.commit();
    return page.resourceVersion;
  };

  const take = (event: WatchEvent<T>): string => {
    failures = 0;
    if (event.type === 'BOOKMARK') return event.resourceVersion;
    if (event.type === 'DELETED') store.remove(event.object);
    else store.upsert(event.object);
    return event.object.metadata.resourceVersion;
  };

  /** The list as the beginning of a watch: one object at a time, instead of pages of hundreds. */
  const takeInitialEvents = async (events: AsyncIterator<WatchEvent<T>>): Promise<string> => {
    const session = store.beginList(namespace);
    for (let next = await events.next(); !next.done; next = await events.next()) {
      const event = next.value;
      if (event.type === 'DELETED') session.remove(event.object);
      else if (event.type !== 'BOOKMARK') session.add([event.object]);
      else if (event.initialEventsEnd === true) {
        session.commit();
        return event.resourceVersion;
      }
    }
    throw new InitialEventsError(`${resource.plural}: the watch ended before it had listed everything`);
  };

  /**
   * Watches from `start`, or from a list that the watch begins with, and follows broken connections; returns when it is
   * time to list again.
   */
  const watchUntilRelist = async (start: string | undefined): Promise<void> => {
    const relistAt = clock.monotonic() + relistPeriodMs * (0.9 + 0.2 * random());
    let resourceVersion = start;
    while (!signal.aborted) {
      const remainingSeconds = Math.ceil((relistAt - clock.monotonic()) / 1_000);
      if (remainingSeconds <= 0) return;
      const tooLong = new AbortController();
      const cancelTooLong =
        resourceVersion === undefined
          ? clock.schedule(initialEventsMs, () => tooLong.abort(new InitialEventsError('listing took too long')))
          : () => undefined;
      const events = client
        .watch<T>(resource, {
          ...selection,
          resourceVersion,
          timeoutSeconds: remainingSeconds,
          idleTimeoutMs: stallTimeoutMs,
          signal: AbortSignal.any([signal, tooLong.signal]),
        })
        [Symbol.asyncIterator]();
      try {
        if (resourceVersion === undefined) {
          resourceVersion = await takeInitialEvents(events);
          cancelTooLong();
          log.debug({ resourceVersion }, 'listed');
        }
        for (let next = await events.next(); !next.done; next = await events.next()) resourceVersion = take(next.value);
        // A server that ends watches at once (it is shutting down) must not be asked in a tight loop.
        if (clock.monotonic() < relistAt) await pause();
      } catch (error) {
        if (signal.aborted) return;
        if (!isPassing(error)) throw error;
        log.info({ err: error, resourceVersion }, 'watch interrupted');
        await pause();
      } finally {
        cancelTooLong();
        await events.return?.();
      }
    }
  };

  // A server that does not stream lists will not learn it before it is replaced by a newer one.
  let streams = true;

  const listAndWatch = async (): Promise<void> => {
    if (streams) {
      try {
        return await watchUntilRelist(undefined);
      } catch (error) {
        const refused = error instanceof KubernetesError && [400, 422].includes(error.status);
        if (!refused && !(error instanceof InitialEventsError)) throw error;
        streams = false;
        log.debug({ err: error }, 'lists in pages');
      }
    }
    const resourceVersion = await listPages();
    log.debug({ resourceVersion }, 'listed');
    await watchUntilRelist(resourceVersion);
  };

  while (!signal.aborted) {
    try {
      await listAndWatch();
    } catch (error) {
      if (signal.aborted) return;
      if (options.onForbidden !== undefined && hasReason(error, 'Forbidden')) {
        log.info({ err: error }, 'not allowed to watch');
        options.onForbidden();
        await sleep(clock, forbiddenRetryMs * (0.9 + 0.2 * random()), signal);
        continue;
      }
      const expired = error instanceof KubernetesError && error.status === 410;
      log[expired ? 'info' : 'warn']({ err: error }, expired ? 'watch expired' : 'list and watch failed');
      await pause();
    }
  }
};
