import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { type Clock, sleep } from './clock.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { hasReason } from './kubernetes-error.ts';
import type { LiveObject } from './kubernetes-object.ts';
import { builtInResources } from './resource-kind.ts';

/** An event about an object, as `kubectl describe` shows it. */
export interface RecordedEvent {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, one word for machines. */
  readonly reason: string;
  /** One sentence for people; never a secret. */
  readonly message: string;
}

/** Records events beside the work: nothing waits for them, and a failure is only logged. */
export interface EventRecorder {
  /** The same event about the same object again within ten minutes raises the count of the first. */
  record(about: LiveObject, event: RecordedEvent): void;
  /** Resolves when everything recorded so far is written or given up, after five seconds at the latest. */
  flush(): Promise<void>;
}

/** Options of {@link createEventRecorder}. */
export interface EventRecorderOptions {
  readonly client: Pick<KubernetesClient, 'create' | 'patchMerge'>;
  /** `source.component` and `reportingComponent`: who says it. */
  readonly component: string;
  /** `reportingInstance`, e.g. the pod. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Aggregate {
  readonly name: string;
  readonly namespace: string;
  count: number;
}

const aggregationMs = 10 * 60_000;
const maxAggregates = 4_096;
// More than these do not wait for an API server that is slow or away: the newest are dropped.
const maxPending = 1_000;
const flushMs = 5_000;
// The API server refuses longer ones.
const maxMessageLength = 1_024;

// Event times have whole seconds.
const eventTime = (epochMs: number): string => new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');

/** A recorder of core/v1 Events: what `kubectl describe` and `kubectl get events` have always read. */
export const createEventRecorder = (options: EventRecorderOptions): EventRecorder => {
  const { client, component, instance, clock, log } = options;
  const aggregates = new LRUCache<string, Aggregate>({
    max: maxAggregates,
    ttl: aggregationMs,
    perf: { now: () => clock.monotonic() },
  });
  // One after the other, so that a count is never written before its event exists.
  let last: Promise<void> = Promise.resolve();
  let pending = 0;

  const create = async (about: LiveObject, event: RecordedEvent, key: string, at: number): Promise<void> => {
    const { name: aboutName, namespace: aboutNamespace, uid, resourceVersion } = about.metadata;
    const namespace = aboutNamespace ?? 'default';
    const suffix = createHash('sha256').update(`${key}\0${at}\0${instance}`).digest('hex').slice(0, 16);
    const name = `${aboutName.slice(0, 200)}.${suffix}`;
    const object = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name: aboutName,
        uid,
        resourceVersion,
        ...(aboutNamespace === undefined ? {} : { namespace: aboutNamespace }),
      },
      ...event,
      message: event.message.slice(0, maxMessageLength),
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
      count: 1,
      firstTimestamp: eventTime(at),
      lastTimestamp: eventTime(at),
    };
    await client.create(object);
    aggregates.set(key, { name, namespace, count: 1 });
  };

  const write = async (about: LiveObject, event: RecordedEvent, at: number): Promise<void> => {
    const key = [about.metadata.uid, event.type, event.reason, event.message].join('\0');
    const known = aggregates.get(key);
    if (known === undefined) return create(about, event, key, at);
    try {
      known.count += 1;
      const reference = { resource: builtInResources.events, namespace: known.namespace, name: known.name };
      await client.patchMerge(reference, { count: known.count, lastTimestamp: eventTime(at) });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      // Events live for an hour, or somebody deleted it.
      await create(about, event, key, at);
    }
  };

  const giveUp = (about: LiveObject, { reason }: RecordedEvent, err: unknown): void =>
    log.warn({ err, reason, kind: about.kind, name: about.metadata.name }, 'event not recorded');

  return {
    record: (about, event) => {
      if (pending >= maxPending) return giveUp(about, event, new Error('too many events wait'));
      const at = clock.now();
      pending += 1;
      last = last
        .then(() => write(about, event, at))
        .catch((error: unknown) => giveUp(about, event, error))
        .finally(() => {
          pending -= 1;
        });
    },
    flush: async () => {
      const done = new AbortController();
      await Promise.race([last, sleep(clock, flushMs, done.signal)]);
      done.abort();
    },
  };
};
