import type { InformerCache } from './informer-cache.ts';
import type { LiveObject } from './kubernetes-object.ts';
import { type ReflectorOptions, runReflector } from './reflector.ts';
import type { ResourceKind } from './resource-kind.ts';

/** Which objects of a kind are watched, and how much of each. */
export type Selection = Pick<ReflectorOptions, 'labelSelector' | 'fieldSelector' | 'representation'>;

/** What every reflector is given. */
export type ReflectorRun = Pick<ReflectorOptions, 'client' | 'signal' | 'clock' | 'random' | 'log'>;

/** A kind that is watched into a cache. */
export type WatchedKind = {
  readonly resource: ResourceKind;
  /** Runs until the signal aborts. */
  readonly run: (options: ReflectorRun) => Promise<void>;
  readonly waitForSync: (signal: AbortSignal) => Promise<boolean>;
};

/** Binds a kind to the cache that its objects go into. */
export const watchedKind = <T, Source extends LiveObject>(
  resource: ResourceKind,
  cache: Pick<InformerCache<T, Source>, 'beginList' | 'upsert' | 'remove' | 'waitForSync'>,
  selection: Selection = {},
): WatchedKind => ({
  resource,
  run: (options) => runReflector<Source>({ ...options, ...selection, resource, store: cache }),
  waitForSync: (signal) => cache.waitForSync(signal),
});
