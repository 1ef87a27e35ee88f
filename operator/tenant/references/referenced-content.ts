import type { IConfigMap, ISecret } from 'kubernetes-models/v1';
import { LRUCache } from 'lru-cache';
import type { KubernetesClient } from '../../runtime/kubernetes-client.ts';
import { type LiveObject, objectKey } from '../../runtime/kubernetes-object.ts';
import { builtInResources } from '../../runtime/resource-kind.ts';
import { decodeEntries } from '../caches/object-projections.ts';
import type { ReferencedObject } from '../observed.ts';

/** An object whose entries are wanted, in the version that the caches know. */
export type ContentRequest = {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
};

/**
 * Entries of the users' Secrets and ConfigMaps. Each version is asked of the API server once, by name; after that it
 * comes out of memory, so that a tenant at rest, or one that waits for something else, costs no request.
 */
export type ReferencedContent = {
  /** `undefined` when the object is gone meanwhile. */
  readonly read: (request: ContentRequest, signal: AbortSignal) => Promise<ReferencedObject | undefined>;
};

// Certificates and URLs are a few KiB; of trust bundles, which may be large, the operator needs a few at a time.
const defaultMaxBytes = 8 * 1024 * 1024;

const resources = { Secret: builtInResources.secrets, ConfigMap: builtInResources.configMaps } as const;

const readEntries = (kind: ContentRequest['kind'], object: LiveObject): Record<string, string> =>
  // The API server has validated each as the kind that was asked for.
  kind === 'Secret' ? decodeEntries(object as LiveObject & ISecret) : { ...(object as LiveObject & IConfigMap).data };

const sizeOf = ({ entries }: ReferencedObject): number =>
  Object.entries(entries).reduce((total, [name, value]) => total + name.length + value.length, 1);

/** A reader by `client` that remembers up to `maxBytes` of what it read; the least recently used goes first. */
export const createReferencedContent = (
  client: Pick<KubernetesClient, 'get'>,
  maxBytes = defaultMaxBytes,
): ReferencedContent => {
  const known = new LRUCache<string, ReferencedObject>({ maxSize: maxBytes, sizeCalculation: sizeOf });
  return {
    read: async ({ kind, namespace, name, uid, resourceVersion }, signal) => {
      const key = `${kind}/${objectKey(namespace, name)}`;
      const remembered = known.get(key);
      if (remembered?.uid === uid && remembered.resourceVersion === resourceVersion) return remembered;
      const object = await client.get({ resource: resources[kind], namespace, name }, { signal });
      if (object === undefined) {
        known.delete(key);
        return undefined;
      }
      // It may be newer than what was asked for: then its event is on its way, and asks for this very version.
      const { metadata } = object;
      const found = {
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
        entries: readEntries(kind, object),
      };
      known.set(key, found);
      return found;
    },
  };
};
