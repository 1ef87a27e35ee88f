import { type BackoffLimits, backoffDelay } from './backoff.ts';
import { sleep } from './clock.ts';
import { InformerCache } from './informer-cache.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import type { LiveObject } from './kubernetes-object.ts';
import { runReflector } from './reflector.ts';
import { builtInResources, type ResourceKind } from './resource-kind.ts';
import { type FilledCache, type ReflectorRun, type Selection, type WatchedKind, watchedKind } from './watched-kind.ts';

/** What following a kind that may come and go needs: discovery too. */
export type OptionalRun = Omit<ReflectorRun, 'client'> & {
  readonly client: Pick<KubernetesClient, 'list' | 'watch' | 'isServed'>;
};

/** A kind that may not be served, or not be allowed to be read: now, or ever. */
export type OptionalKind = WatchedKind<OptionalRun> & {
  /** Whether it is served and its cache complete. */
  readonly isAvailable: () => boolean;
  /** Calls `listener` after each change of {@link OptionalKind.isAvailable}. A listener must not throw. */
  readonly onAvailability: (listener: () => void) => void;
};

/** What is known of an optional kind, and who waits to know. */
const createAvailability = () => {
  const listeners = new Set<() => void>();
  const waiters = new Set<() => void>();
  let isAvailable = false;
  let isSettled = false;
  return {
    isAvailable: () => isAvailable,
    onAvailability: (listener: () => void) => void listeners.add(listener),
    set: (available: boolean): void => {
      const changed = isAvailable !== available;
      isAvailable = available;
      isSettled = true;
      if (changed) for (const listener of listeners) listener();
      for (const settle of waiters) settle();
    },
    waitForSync: (signal: AbortSignal): Promise<boolean> =>
      new Promise((resolve) => {
        if (isSettled || signal.aborted) return resolve(isSettled);
        const settle = (): void => {
          waiters.delete(settle);
          signal.removeEventListener('abort', settle);
          resolve(isSettled);
        };
        waiters.add(settle);
        signal.addEventListener('abort', settle, { once: true });
      }),
  };
};

/** A kind that this process may not be allowed to read, such as Nodes with rights in some namespaces only. */
export const permittedKind = <Source extends LiveObject>(
  resource: ResourceKind,
  cache: FilledCache<Source>,
  selection: Selection = {},
): OptionalKind => {
  const availability = createAvailability();
  const kind = watchedKind(resource, cache, selection);
  return {
    ...availability,
    resource,
    run: async (options) => {
      const synced = cache.waitForSync(options.signal).then((complete) => complete && availability.set(true));
      await kind.run({ ...options, onForbidden: () => availability.set(cache.synced) });
      await synced;
    },
  };
};

const definitionName = ({ apiVersion, plural }: ResourceKind): string => `${plural}.${apiVersion.split('/')[0]}`;

// Discovery and the definition do not change in the same moment: so often the one is asked again when the other says
// otherwise. A definition that lacks our version stays so until it changes.
const maxDoubts = 10;
const doubtBackoff: BackoffLimits = { baseMs: 200, maxMs: 30_000 };
/** When CustomResourceDefinitions may not be watched. */
const pollMs = 180_000;
/** Nobody needs it; for the case that an event was lost. */
const quietMs = 12 * 3_600_000;

/**
 * A kind that the API server may serve or not, by a CustomResourceDefinition that is installed later or goes. It is
 * watched while it is served, and its cache is empty while it is not. The definition is watched by its name, so that
 * the right to read others is not needed; without that right discovery is asked every three minutes.
 */
export const servedKind = <Source extends LiveObject>(
  resource: ResourceKind,
  cache: FilledCache<Source>,
  selection: Selection = {},
): OptionalKind => {
  const availability = createAvailability();
  const kind = watchedKind(resource, cache, selection);

  const run = async (options: OptionalRun): Promise<void> => {
    const { client, signal, clock, random } = options;
    const log = options.log.child({ optional: resource.kind });
    let bell = new AbortController();
    const ring = (): void => bell.abort();

    /** Whether the definition is there; undefined when that may not be read. */
    let isDefined: boolean | undefined;
    const definitions = new InformerCache({ project: () => true });
    definitions.onChange(ring);
    const watching = runReflector({
      ...options,
      resource: builtInResources.customResourceDefinitions,
      fieldSelector: `metadata.name=${definitionName(resource)}`,
      representation: 'metadata',
      store: definitions,
      onForbidden: ring,
    });
    // That there is none is no change: without this it would be learned at the next poll.
    const known = definitions.waitForSync(signal).then(ring);
    const readDefinition = (): void => {
      isDefined = definitions.synced ? definitions.size > 0 : undefined;
    };

    let reflector: { readonly stop: () => Promise<void>; forbidden: boolean } | undefined;
    const start = (): NonNullable<typeof reflector> => {
      const stop = new AbortController();
      const over = AbortSignal.any([signal, stop.signal]);
      const onForbidden = (): void => {
        started.forbidden = true;
        ring();
      };
      const running = kind.run({ ...options, signal: over, onForbidden });
      const synced = cache.waitForSync(over).then(ring);
      const started = {
        forbidden: false,
        stop: async () => {
          stop.abort();
          await Promise.all([running, synced]);
        },
      };
      return started;
    };

    const ask = async (): Promise<boolean | undefined> => {
      try {
        return await client.isServed(resource, { signal });
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, 'discovery failed');
        return undefined;
      }
    };

    let doubts = 0;
    while (!signal.aborted) {
      if (bell.signal.aborted) doubts = 0;
      bell = new AbortController();
      const served = await ask();
      readDefinition();
      if (served === true) reflector ??= start();
      if (served === false && reflector !== undefined) {
        await reflector.stop();
        reflector = undefined;
        cache.reset();
      }
      const isComplete = reflector !== undefined && cache.synced;
      if (served === false || isComplete || reflector?.forbidden === true) availability.set(isComplete);
      const doubtful = served === undefined || (isDefined !== undefined && isDefined !== served);
      if (!doubtful) doubts = 0;
      else doubts += 1;
      const delayMs = doubtful && doubts <= maxDoubts ? backoffDelay(doubtBackoff, doubts, random) : undefined;
      await sleep(
        clock,
        delayMs ?? (isDefined === undefined ? pollMs : quietMs),
        AbortSignal.any([signal, bell.signal]),
      );
    }
    await reflector?.stop();
    await Promise.all([watching, known]);
  };

  return { ...availability, resource, run };
};
