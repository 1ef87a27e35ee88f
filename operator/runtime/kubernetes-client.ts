import type { KubeConfig } from '@kubernetes/client-node';
import { type Clock, systemClock } from './clock.ts';
import { createKubernetesConnection } from './kubernetes-connection.ts';
import { asPrecondition, hasReason, KubernetesError } from './kubernetes-error.ts';
import type { DesiredObject, KubernetesObject, LiveObject, ObjectMeta } from './kubernetes-object.ts';
import { type ApiRequest, createKubernetesTransport, type ObserveRequest } from './kubernetes-transport.ts';
import {
  builtInResources,
  collectionPath,
  createResourceLookup,
  type ObjectReference,
  objectPath,
  type ResourceKind,
  type ResourceLookup,
} from './resource-kind.ts';
import { readWatchEvents, type WatchEvent } from './watch-stream.ts';

/** What every request takes. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Does not wait for one of the `maxInFlight` slots. */
  readonly urgent?: boolean | undefined;
}

/** How much of each object is sent: all of it, or `metadata` alone, so that content never comes into this process. */
export type Representation = 'whole' | 'metadata';

/** Selects and pages a list; `limit` objects a page, `continue` from the page before. */
export interface ListOptions extends RequestOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly representation?: Representation | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
}

/** A page of a list. `continue` is there when more follow. */
export interface ListPage<T extends LiveObject> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue?: string;
}

/** Where a watch starts, and when it ends by itself. */
export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly representation?: Representation | undefined;
  /** Left out: everything there is comes first, each object as an ADDED event, and a bookmark that says that this was all. */
  readonly resourceVersion?: string | undefined;
  /** After this the server ends the watch in an orderly way. */
  readonly timeoutSeconds: number;
  /** After this long without an event or bookmark the connection counts as dead. */
  readonly idleTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Options of a server-side apply. Conflicts are always forced: a controller owns what it applies. */
export interface ApplyOptions extends RequestOptions {
  /** Instead of the client's own. */
  readonly fieldManager?: string;
}

/** Options of a deletion. */
export interface DeleteOptions extends RequestOptions {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly gracePeriodSeconds?: number;
}

/**
 * The Kubernetes API as raw JSON: nothing that a generated model does not know is dropped.
 * Errors: {@link KubernetesError} (the server refused), `KubernetesUnreachableError` (no answer), the signal's reason.
 * The type parameter is the caller's word for the kind it asks for; the API server has validated it.
 */
export interface KubernetesClient {
  /** `undefined` when there is no such object. */
  get<T extends LiveObject = LiveObject>(reference: ObjectReference, options?: RequestOptions): Promise<T | undefined>;
  /** A document that is no object, such as `/openid/v1/jwks`. */
  getDocument(path: string, options?: RequestOptions): Promise<unknown>;
  /** One page. Items carry apiVersion and kind, which the server leaves out of lists, and replaces in metadata. */
  list<T extends LiveObject = LiveObject>(resource: ResourceKind, options?: ListOptions): Promise<ListPage<T>>;
  /**
   * Server-side apply with `force`; answers with the object as it is now. With `metadata.uid` it is meant for that very
   * object: throws `Conflict` when there is another one of its name, or none.
   */
  applyServerSide<T extends LiveObject = LiveObject>(object: DesiredObject, options?: ApplyOptions): Promise<T>;
  /** Server-side apply of the `status` subresource. */
  applyStatus<T extends LiveObject = LiveObject>(object: DesiredObject, options?: ApplyOptions): Promise<T>;
  /** Throws `AlreadyExists`. */
  create<T extends LiveObject = LiveObject>(object: DesiredObject, options?: RequestOptions): Promise<T>;
  /** Replaces exactly the version that was read; throws `Conflict` when it has changed since. */
  replace<T extends LiveObject = LiveObject>(
    object: DesiredObject & { readonly metadata: ObjectMeta & { readonly name: string; resourceVersion: string } },
    options?: RequestOptions,
  ): Promise<T>;
  /** JSON merge patch (RFC 7396): null removes. */
  patchMerge<T extends LiveObject = LiveObject>(
    reference: ObjectReference,
    patch: Readonly<Record<string, unknown>>,
    options?: RequestOptions & { readonly subresource?: 'status' | 'scale' },
  ): Promise<T>;
  /** Whether there was something to delete. Throws `Conflict` when a precondition does not hold. */
  delete(reference: ObjectReference, options?: DeleteOptions): Promise<boolean>;
  /**
   * Events after `resourceVersion`, until the server ends the watch. Without one `Invalid` is thrown by a server that does
   * not stream lists (before Kubernetes 1.32, or where the feature WatchList is off).
   */
  watch<T extends LiveObject = LiveObject>(resource: ResourceKind, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Evicts a pod by the Eviction API; a PodDisruptionBudget may refuse for now. */
  evict(pod: { namespace: string; name: string }, options?: RequestOptions): Promise<EvictionResult>;
  /** Whether the server serves this kind (a CRD may be installed later). */
  isServed(resource: ResourceKind, options?: RequestOptions): Promise<boolean>;
  /** Finds the resource of an object's apiVersion and kind. */
  readonly resourceOf: ResourceLookup;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** What became of an eviction. */
export type EvictionResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'NotFound' | 'DisruptionBudget'; readonly retryAfterSeconds?: number };

/** Options of {@link createKubernetesClient}. */
export interface KubernetesClientOptions {
  /** The field manager of server-side applies. */
  readonly fieldManager: string;
  readonly userAgent: string;
  /** How many requests may wait for an answer at a time; watches do not count. */
  readonly maxInFlight: number;
  /** Custom resources that objects given to the client may be of. */
  readonly resources?: readonly ResourceKind[];
  readonly observeRequest?: ObserveRequest;
  readonly clock?: Clock;
}

const isConfidential = (resource: ResourceKind): boolean => resource.kind === 'Secret';

/** No second choice is named: a server that cannot leave the content out is to refuse. */
const acceptMetadata = (kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList'): string =>
  `application/json;as=${kind};g=meta.k8s.io;v=v1`;

const referenceOf = (resourceOf: ResourceLookup, object: KubernetesObject): ObjectReference => {
  const { name, namespace } = object.metadata ?? {};
  if (name === undefined) throw new Error(`${object.kind} needs a name`);
  return { resource: resourceOf(object), namespace, name };
};

/** A client for the current context of `kubeConfig`, with one shared pool of connections. */
export const createKubernetesClient = (kubeConfig: KubeConfig, options: KubernetesClientOptions): KubernetesClient => {
  const clock = options.clock ?? systemClock;
  const transport = createKubernetesTransport({
    connection: createKubernetesConnection(kubeConfig, clock),
    userAgent: options.userAgent,
    maxInFlight: options.maxInFlight,
    clock,
    observeRequest: options.observeRequest ?? (() => undefined),
  });
  const resourceOf = createResourceLookup(options.resources ?? []);

  // The one place where an answer becomes the type that the caller named: the API server validated it by its schema.
  const send = async <T>(resource: ResourceKind, request: Omit<ApiRequest, 'confidential'>): Promise<T> =>
    (await transport.send({ ...request, confidential: isConfidential(resource) })) as T;

  const apply = <T extends LiveObject>(
    object: DesiredObject,
    subresource: '' | '/status',
    { fieldManager = options.fieldManager, signal, urgent }: ApplyOptions,
  ): Promise<T> => {
    const reference = referenceOf(resourceOf, object);
    return send<T>(reference.resource, {
      method: 'PATCH',
      path: `${objectPath(reference)}${subresource}`,
      query: { fieldManager, force: true },
      body: object,
      // JSON is YAML; this is the content type that server-side apply is known by on every supported server.
      contentType: 'application/apply-patch+yaml',
      signal,
      urgent,
    }).catch((error: unknown) => {
      throw asPrecondition(error);
    });
  };

  return {
    resourceOf,
    close: () => transport.close(),

    get: async <T extends LiveObject>(reference: ObjectReference, { signal, urgent }: RequestOptions = {}) => {
      try {
        return await send<T>(reference.resource, { method: 'GET', path: objectPath(reference), signal, urgent });
      } catch (error) {
        if (hasReason(error, 'NotFound')) return undefined;
        throw error;
      }
    },

    getDocument: (path, { signal, urgent } = {}) =>
      // Keys come as `application/jwk-set+json`, which a server does not give to who takes plain JSON alone.
      transport.send({ method: 'GET', path, accept: 'application/json, */*', signal, urgent, confidential: false }),

    list: async <T extends LiveObject>(
      resource: ResourceKind,
      { namespace, representation, signal, urgent, ...query }: ListOptions = {},
    ) => {
      const { metadata, items } = await send<{
        metadata: { resourceVersion: string; continue?: string };
        items: Omit<T, 'apiVersion' | 'kind'>[] | null;
      }>(resource, {
        method: 'GET',
        path: collectionPath(resource, namespace),
        query: { ...query },
        accept: representation === 'metadata' ? acceptMetadata('PartialObjectMetadataList') : undefined,
        signal,
        urgent,
      });
      const { apiVersion, kind } = resource;
      return {
        // An item with its kind put back is the T that was stored.
        items: (items ?? []).map((item) => ({ ...item, apiVersion, kind }) as T),
        resourceVersion: metadata.resourceVersion,
        ...(metadata.continue ? { continue: metadata.continue } : {}),
      };
    },

    applyServerSide: (object, applyOptions = {}) => apply(object, '', applyOptions),
    applyStatus: (object, applyOptions = {}) => apply(object, '/status', applyOptions),

    create: (object, { signal, urgent } = {}) => {
      const resource = resourceOf(object);
      return send(resource, {
        method: 'POST',
        path: collectionPath(resource, object.metadata?.namespace),
        query: { fieldManager: options.fieldManager },
        body: object,
        signal,
        urgent,
      });
    },

    replace: (object, { signal, urgent } = {}) => {
      const reference = referenceOf(resourceOf, object);
      return send(reference.resource, {
        method: 'PUT',
        path: objectPath(reference),
        query: { fieldManager: options.fieldManager },
        body: object,
        signal,
        urgent,
      });
    },

    patchMerge: (reference, patch, { subresource, signal, urgent } = {}) =>
      send(reference.resource, {
        method: 'PATCH',
        path: subresource === undefined ? objectPath(reference) : `${objectPath(reference)}/${subresource}`,
        query: { fieldManager: options.fieldManager },
        body: patch,
        contentType: 'application/merge-patch+json',
        signal,
        urgent,
      }),

    delete: async (reference, { signal, urgent, ...body } = {}) => {
      try {
        await send(reference.resource, { method: 'DELETE', path: objectPath(reference), body, signal, urgent });
        return true;
      } catch (error) {
        if (hasReason(error, 'NotFound')) return false;
        throw error;
      }
    },

    watch: async function* <T extends LiveObject>(
      resource: ResourceKind,
      { namespace, representation, idleTimeoutMs, signal, ...query }: WatchOptions,
    ) {
      const path = collectionPath(resource, namespace);
      const confidential = isConfidential(resource);
      const body = await transport.stream(
        {
          method: 'GET',
          path,
          query: {
            ...query,
            watch: true,
            allowWatchBookmarks: true,
            ...(query.resourceVersion === undefined
              ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
              : {}),
          },
          accept: representation === 'metadata' ? acceptMetadata('PartialObjectMetadata') : undefined,
          signal,
          confidential,
        },
        idleTimeoutMs,
      );
      yield* readWatchEvents<T>(body, { request: `WATCH ${path}`, resource, confidential, signal });
    },

    evict: async ({ namespace, name }, { signal, urgent } = {}) => {
      const reference = { resource: builtInResources.pods, namespace, name };
      try {
        await send(reference.resource, {
          method: 'POST',
          path: `${objectPath(reference)}/eviction`,
          body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
          signal,
          urgent,
          tooManyRequests: 'answer',
        });
        return { ok: true };
      } catch (error) {
        if (hasReason(error, 'NotFound')) return { ok: false, reason: 'NotFound' };
        if (!(error instanceof KubernetesError) || error.status !== 429) throw error;
        const { retryAfterSeconds } = error;
        return {
          ok: false,
          reason: 'DisruptionBudget',
          ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
        };
      }
    },

    isServed: async (resource, { signal, urgent } = {}) => {
      const root = resource.apiVersion.includes('/') ? '/apis' : '/api';
      try {
        const { resources } = await send<{ resources: { name: string }[] }>(resource, {
          method: 'GET',
          path: `${root}/${resource.apiVersion}`,
          signal,
          urgent,
        });
        return resources.some(({ name }) => name === resource.plural);
      } catch (error) {
        if (hasReason(error, 'NotFound')) return false;
        throw error;
      }
    },
  };
};
