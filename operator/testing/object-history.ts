import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import type { ResourceKind } from '../runtime/resource-kind.ts';

/** One version of an object, in the order in which the API server stored them. */
export type Version<T extends LiveObject> = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T };

/** Records every version of a namespace's objects of one kind from now on, until it is stopped. */
export const recordHistory = async <T extends LiveObject>(
  client: KubernetesClient,
  resource: ResourceKind,
  namespace: string,
) => {
  const { resourceVersion } = await client.list(resource, { namespace });
  const versions: Version<T>[] = [];
  const stop = new AbortController();
  const options = { namespace, resourceVersion, timeoutSeconds: 600, idleTimeoutMs: 600_000, signal: stop.signal };
  const recording = (async () => {
    for await (const event of client.watch<T>(resource, options)) {
      if (event.type === 'ADDED' || event.type === 'MODIFIED' || event.type === 'DELETED') versions.push(event);
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    versions: versions as readonly Version<T>[],
    stop: async () => {
      stop.abort();
      await recording;
    },
  };
};
