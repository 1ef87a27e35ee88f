import type { Logger } from 'pino';
import { type BackoffLimits, backoffDelay } from './backoff.ts';
import { type Clock, sleep } from './clock.ts';
import type { ReflectorStore } from './informer-cache.ts';
import type { KubernetesClient, Representation } from './kubernetes-client.ts';
import { hasReason, KubernetesError, KubernetesUnreachableError } from './kubernetes-error.ts';
import type { LiveObject } from './kubernetes-object.ts';
import type { ResourceKind } from './resource-kind.ts';

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
  /** Everything is listed anew after this long, plus or minus a tenth; 600 s. */
  readonly relistPeriodMs?: number;
  readonly backoff?: BackoffLimits;
  /**
   * Called each time the API server says that this may not be read. With it, that is an ordinary state, tried again
   * every five minutes, since rights may be given later.
   */
  readonly onForbidden?: (() => void) | undefined;
}

const forbiddenRetryMs = 300_000;

// The API server restarts or is overloaded: what was seen stays valid, and a new list would add to its load.
const isPassing = (error: unknown): boolean =>
  error instanceof KubernetesUnreachableError ||
  (error instanceof KubernetesError && [429, 503, 504].includes(error.status));

/**
 * Keeps `store` equal to what the API server has: LIST in pages, then WATCH with bookmarks from there, resumed at the
 * last resourceVersion after a broken connection, and a new LIST when that is too old (410), when anything else goes
 * wrong, and every `relistPeriodMs` (JavaScript watches have been seen to stall silently).
 * It resolves when `signal` aborts; it never rejects for what the API server or the network does.
 */
export const runReflector = async <T extends LiveObject>(options: ReflectorOptions<T>): Promise<void> => {
  const { client, resource, namespace, labelSelector, fieldSelector, representation, store, signal, clock, random } =
    options;
  const { pageSize = 500, stallTimeoutMs = 300_000, relistPeriodMs = 600_000 } = options;
  const backoff = options.backoff ?? { baseMs: 200, maxMs: 30_000 };
  const log = options.log.child({ kind: resource.kind, ...(namespace === undefined ? {} : { namespace }) });
  let failures = 0;

  const pause = async (): Promise<void> => {
    failures += 1;
    await sleep(clock, backoffDelay(backoff, failures, random), signal);
  };

  const list = async (): Promise<string> => {
    const session = store.beginList(namespace);
    const selection = { namespace, labelSelector, fieldSelector, representation, limit: pageSize, signal };
    let page = await client.list<T>(resource, selection);
    session.add(page.items);
    while (page.continue !== undefined) {
      page = await client.list<T>(resource, { ...selection, continue: page.continue });
      session.add(page.items);
    }
    session.commit();
    return page.resourceVersion;
  };

  /** Watches from `start` and follows broken connections; returns when it is time to list again. */
  const watchUntilRelist = async (start: string): Promise<void> => {
    const relistAt = clock.monotonic() + relistPeriodMs * (0.9 + 0.2 * random());
    let resourceVersion = start;
    while (!signal.aborted) {
      const remainingSeconds = Math.ceil((relistAt - clock.monotonic()) / 1_000);
      if (remainingSeconds <= 0) return;
      const watch = client.watch<T>(resource, {
        namespace,
        labelSelector,
        fieldSelector,
        representation,
        resourceVersion,
        timeoutSeconds: remainingSeconds,
        idleTimeoutMs: stallTimeoutMs,
        signal,
      });
      try {
        for await (const event of watch) {
          failures = 0;
          if (event.type === 'BOOKMARK') {
            resourceVersion = event.resourceVersion;
            continue;
          }
          if (event.type === 'DELETED') store.remove(event.object);
          else store.upsert(event.object);
          resourceVersion = event.object.metadata.resourceVersion;
        }
        // A server that ends watches at once (it is shutting down) must not be asked in a tight loop.
        if (clock.monotonic() < relistAt) await pause();
      } catch (error) {
        if (signal.aborted) return;
        if (!isPassing(error)) throw error;
        log.info({ err: error, resourceVersion }, 'watch interrupted');
        await pause();
      }
    }
  };

  while (!signal.aborted) {
    try {
      const resourceVersion = await list();
      log.debug({ resourceVersion }, 'listed');
      await watchUntilRelist(resourceVersion);
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
