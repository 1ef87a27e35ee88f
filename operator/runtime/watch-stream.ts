import type { Readable } from 'node:stream';
import { KubernetesUnreachableError, parseKubernetesError } from './kubernetes-error.ts';
import type { LiveObject } from './kubernetes-object.ts';
import type { ResourceKind } from './resource-kind.ts';

/**
 * One event of a watch. A bookmark says only how far the watch has come; of a watch that begins with everything there is,
 * one says that this was all.
 */
export type WatchEvent<T extends LiveObject = LiveObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly initialEventsEnd?: true };

/** KEP-3157. */
const initialEventsEnd = 'k8s.io/initial-events-end';

/** Splits a byte stream into its non-empty lines; an unfinished last line is dropped, since its end is missing. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield line;
  }
}

type WatchRequest = {
  readonly request: string;
  /** What the objects are, also where the server sends their metadata alone as another kind. */
  readonly resource: ResourceKind;
  readonly confidential: boolean;
  readonly signal?: AbortSignal | undefined;
};

const parseWatchEvent = <T extends LiveObject>(
  { request, resource, confidential }: WatchRequest,
  line: string,
): WatchEvent<T> => {
  // The API server's own framing; `object` is of the kind that the request asked for.
  const event = JSON.parse(line) as { type: string; object: T };
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: { ...event.object, apiVersion: resource.apiVersion, kind: resource.kind } };
    case 'BOOKMARK':
      return {
        type: 'BOOKMARK',
        resourceVersion: event.object.metadata.resourceVersion,
        ...(event.object.metadata.annotations?.[initialEventsEnd] === 'true' ? { initialEventsEnd: true } : {}),
      };
    default:
      throw parseKubernetesError({ request, httpStatus: 500, body: event.object, confidential });
  }
};

/**
 * Reads the events of a watch until the server ends it. An ERROR event throws KubernetesError (410 when the
 * resourceVersion is too old), a broken or silent connection KubernetesUnreachableError.
 */
export async function* readWatchEvents<T extends LiveObject>(
  body: Readable,
  options: WatchRequest,
): AsyncGenerator<WatchEvent<T>> {
  const lines = readLines(body);
  try {
    while (true) {
      const line = await lines.next().catch((error: unknown) => {
        options.signal?.throwIfAborted();
        throw new KubernetesUnreachableError(options.request, error);
      });
      if (line.done) return;
      yield parseWatchEvent<T>(options, line.value);
    }
  } finally {
    // Also when the reader stops early: the connection must not stay open behind it.
    body.destroy();
  }
}
