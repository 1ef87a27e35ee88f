import type { InformerCache } from './informer-cache.ts';
import type { LiveObject } from './kubernetes-object.ts';
import { type ReflectorOptions, runReflector } from './reflector.ts';
import type { ResourceKind } from './resource-kind.ts';

/** Which objects of a kind are watched, and how much of each. */
export type Selection = Pick<ReflectorOptions, 'labelSelector' | 'fieldSelector' | 'representation'> & {
  /** One list and one watch for each of these; all namespaces by one when left out. */
  readonly namespaces?: readonly string[] | undefined;
};

/** What every reflector is given. */
export type ReflectorRun = Pick<ReflectorOptions, 'client' | 'signal' | 'clock' | 'random' | 'log' | 'onForbidden'>;

/** A kind that is watched into a cache. */
export type WatchedKind<Run = ReflectorRun> = {
  readonly resource: ResourceKind;
  /** Runs until the signal aborts. */
  readonly run: (options: Run) => Promise<void>;
  /** Resolves to true when what can be known is known, to false when `signal` aborts first. */
  readonly waitForSync: (signal: AbortSignal) => Promise<boolean>;
};

/** The part of a cache that a reflector fills. */
export type FilledCache<Source extends LiveObject> = Pick<
  InformerCache<unknown, Source>,
  'beginList' | 'upsert' | 'remove' | 'reset' | 'synced' | 'waitForSync'
>;

/** Binds a kind to the cache that its objects go into; the cache is of the same namespaces. */
export const watchedKind = <Source extends LiveObject>(
  resource: ResourceKind,
  cache: FilledCache<Source>,
  { namespaces, ...selection }: Selection = {},
): WatchedKind => ({
  resource,
  run: async (options) => {
    const scopes = resource.namespaced ? (namespaces ?? [undefined]) : [undefined];
    await Promise.all(
      scopes.map((namespace) => runReflector<Source>({ ...options, ...selection, namespace, resource, store: cache })),
    );
  },
  waitForSync: (signal) => cache.waitForSync(signal),
});
