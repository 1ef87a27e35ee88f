import { setTimeout as timerDelay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { databaseErrorCode } from '../../shared/postgres-errors.ts';
import { decideNextAttempt } from './next-attempt.ts';
import type { OutboxEvent, OutboxTopic } from './outbox-event.ts';
import type { EnqueuedEvent, LeasedEvent, OutboxRepository } from './outbox-repository.ts';

/** What became of an attempt; `code` names what went wrong, and holds no secret and no address. */
export type Delivery =
  | { outcome: 'delivered' }
  /** Worth another attempt. */
  | { outcome: 'failed'; code: string }
  /** No attempt would ever do. */
  | { outcome: 'impossible'; code: string };

export type Handler<Topic extends OutboxTopic> = (
  payload: Extract<OutboxEvent, { topic: Topic }>['payload'],
  id: string,
) => Promise<Delivery>;

/** Topics without a handler stay where they are. */
export type Handlers = { readonly [Topic in OutboxTopic]?: Handler<Topic> };

export type OutboxOutcome = 'delivered' | 'postponed' | 'given_up';

export type OutboxWorkerOptions = {
  repository: OutboxRepository;
  handlers: Handlers;
  count: (topic: string, outcome: OutboxOutcome) => void;
  logger: Logger;
  signal: AbortSignal;
  random?: () => number;
};

export type OutboxWorker = {
  /**
   * What was enqueued here, after its commit. Revocations are tried at once, so that who is answered next sees them done;
   * never rejects, since the rest, and what this could not do, is the workers' matter. Other pods' events, and those of a pod
   * that died, are found by polling.
   */
  hurry(events: readonly EnqueuedEvent[]): Promise<void>;
  /** Resolves after the signal, when what is under way has ended. */
  readonly ended: Promise<void>;
};

const batch = 10;
/** Longer than any attempt takes: handlers have bounds of their own below it. */
const leaseSeconds = 60;
const pollMilliseconds = 2000;

const deliver = async ({ id, event }: Pick<LeasedEvent, 'id' | 'event'>, handlers: Handlers): Promise<Delivery> => {
  try {
    switch (event?.topic) {
      case 'mail':
        return (await handlers.mail?.(event.payload, id)) ?? { outcome: 'failed', code: 'NO_HANDLER' };
      case 'revoke_subject':
        return (await handlers.revoke_subject?.(event.payload, id)) ?? { outcome: 'failed', code: 'NO_HANDLER' };
      case 'revoke_session':
        return (await handlers.revoke_session?.(event.payload, id)) ?? { outcome: 'failed', code: 'NO_HANDLER' };
      case 'revoke_grant':
        return (await handlers.revoke_grant?.(event.payload, id)) ?? { outcome: 'failed', code: 'NO_HANDLER' };
      case undefined:
        // A newer version's, perhaps: its pods can read it.
        return { outcome: 'failed', code: 'UNREADABLE' };
    }
  } catch (error) {
    return { outcome: 'failed', code: databaseErrorCode(error) };
  }
};

const settle = async (leased: LeasedEvent, delivery: Delivery, options: OutboxWorkerOptions): Promise<void> => {
  const { repository, count, logger, random = Math.random } = options;
  const { id, topic, attempts } = leased;
  if (delivery.outcome === 'delivered') {
    await repository.remove(id);
    count(topic, 'delivered');
    return;
  }
  const { code } = delivery;
  const seconds = delivery.outcome === 'impossible' ? undefined : decideNextAttempt(topic, leased, random());
  if (seconds === undefined) {
    await repository.remove(id);
    count(topic, 'given_up');
    logger.error({ id, topic, attempts, code }, 'outbox event given up');
    return;
  }
  await repository.postpone(id, seconds);
  count(topic, 'postponed');
  logger.warn({ id, topic, attempts, code, seconds: Math.round(seconds) }, 'outbox event not delivered');
};

/**
 * Delivers what is due, at least once; any number of processes may do so at the same time. Mails go on their own: a server
 * that is slow, or a heap of them, must not hold up a revocation.
 */
export const runOutbox = (options: OutboxWorkerOptions): OutboxWorker => {
  // `as`: the keys of a value of this type are topics.
  const topics = Object.keys(options.handlers) as OutboxTopic[];
  const lanes = [topics.filter((topic) => topic === 'mail'), topics.filter((topic) => topic !== 'mail')];
  const workers = lanes.filter((lane) => lane.length > 0).map((lane) => runLane(options, lane));
  return {
    hurry: async (events) => {
      const revocations = events.filter(({ event }) => event.topic !== 'mail');
      await Promise.all(revocations.map((event) => deliverNow(event, options)));
      if (events.length > 0) for (const worker of workers) worker.wake();
    },
    ended: Promise.all(workers.map((worker) => worker.ended)).then(() => undefined),
  };
};

/** One attempt ahead of the workers'. What fails stays for them as if nobody had tried. */
const deliverNow = async (enqueued: EnqueuedEvent, options: OutboxWorkerOptions): Promise<void> => {
  const { repository, handlers, count, logger } = options;
  const { outcome } = await deliver(enqueued, handlers);
  if (outcome !== 'delivered') return;
  count(enqueued.event.topic, 'delivered');
  await repository.remove(enqueued.id).catch((error: unknown) => {
    logger.warn({ code: databaseErrorCode(error) }, 'outbox event is delivered once more');
  });
};

type Lane = { wake(): void; readonly ended: Promise<void> };

const runLane = (options: OutboxWorkerOptions, topics: readonly OutboxTopic[]): Lane => {
  const { repository, handlers, logger, signal, random = Math.random } = options;
  let waking = Promise.withResolvers<void>();

  const deliverBatch = async (): Promise<number> => {
    const leased = await repository.lease({ topics, limit: batch, leaseSeconds });
    await Promise.all(leased.map(async (event) => settle(event, await deliver(event, handlers), options)));
    return leased.length;
  };

  const pause = async (): Promise<void> => {
    const polled = new AbortController();
    const milliseconds = pollMilliseconds * (0.5 + random());
    await Promise.race([
      waking.promise,
      timerDelay(milliseconds, undefined, { signal: polled.signal, ref: false }).catch(() => undefined),
    ]);
    polled.abort();
    waking = Promise.withResolvers<void>();
  };

  const run = async (): Promise<void> => {
    let reachable = true;
    while (!signal.aborted) {
      try {
        const delivered = await deliverBatch();
        reachable = true;
        if (delivered === batch) continue;
      } catch (error) {
        // Once a loss, not at every look.
        if (reachable) logger.warn({ code: databaseErrorCode(error) }, 'outbox not readable, later again');
        reachable = false;
      }
      if (!signal.aborted) await pause();
    }
  };
  signal.addEventListener('abort', () => waking.resolve());
  return { wake: () => waking.resolve(), ended: run() };
};
