import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { LeaseOutboxResponse } from '../../token-store/contract.ts';
import type { Delivery, OutboxOutcome } from '../outbox/outbox-worker.ts';
import type { PostLogoutToken } from './logout-delivery.ts';
import { logoutNoticeSchema } from './logout-notice.ts';
import type { SignLogoutToken } from './logout-token.ts';
import { decideNextLogoutAttempt } from './next-logout-attempt.ts';

type Message = LeaseOutboxResponse['messages'][number];

const topic = 'backchannel_logout';
const batch = 20;
/** Longer than any attempt takes. */
const leaseSeconds = 30;
const pollMilliseconds = 1000;

export type LogoutWorkerOptions = {
  store: Pick<TokenStoreClient, 'leaseOutbox' | 'completeOutbox'>;
  findClient: (clientId: string) => ClientRegistration | undefined;
  /** Absent while there are no keys to sign with, or no clients known: nothing is leased then. */
  sign: () => SignLogoutToken | undefined;
  post: PostLogoutToken;
  count: (topic: string, outcome: OutboxOutcome) => void;
  logger: Logger;
  signal: AbortSignal;
  /** Epoch seconds. */
  now: () => number;
};

const deliver = async ({ id, payload }: Message, sign: SignLogoutToken, options: LogoutWorkerOptions) => {
  const notice = logoutNoticeSchema.safeParse(payload);
  if (!notice.success) return { delivery: { outcome: 'impossible', code: 'UNREADABLE' } satisfies Delivery, age: 0 };
  const uri = options.findClient(notice.data.clientId)?.backchannelLogoutUri;
  const delivery: Delivery =
    uri === undefined
      ? { outcome: 'impossible', code: 'NO_RECEIVER' }
      : await options.post(uri, await sign(notice.data, id));
  return { delivery, age: options.now() - notice.data.endedAt };
};

const settle = async (message: Message, sign: SignLogoutToken, options: LogoutWorkerOptions): Promise<void> => {
  const { store, count, logger } = options;
  const { id, attempts } = message;
  const { delivery, age } = await deliver(message, sign, options);
  if (delivery.outcome === 'delivered') {
    await store.completeOutbox({ id, outcome: 'delivered' });
    count(topic, 'delivered');
    return;
  }
  const { code } = delivery;
  const retryInSeconds = delivery.outcome === 'impossible' ? null : decideNextLogoutAttempt(attempts, age);
  await store.completeOutbox({ id, outcome: 'failed', error: code, retryInSeconds });
  count(topic, retryInSeconds === null ? 'given_up' : 'postponed');
  logger.warn({ id, attempts, code, retryInSeconds }, 'application not told of a sign-out');
};

/** Delivers logout notices, at least once, until the signal; any number of processes may do so at the same time. */
export const runLogoutWorker = async (options: LogoutWorkerOptions): Promise<void> => {
  const { store, logger, signal } = options;
  let reachable = true;
  const deliverBatch = async (): Promise<number> => {
    const sign = options.sign();
    if (sign === undefined) return 0;
    const { messages } = await store.leaseOutbox({ topic, limit: batch, leaseSeconds });
    reachable = true;
    // One that cannot be settled is due again when its lease ends.
    await Promise.allSettled(messages.map((message) => settle(message, sign, options)));
    return messages.length;
  };
  while (!signal.aborted) {
    try {
      if ((await deliverBatch()) === batch) continue;
    } catch (error) {
      // Once a loss, not at every look.
      if (reachable) logger.warn({ err: error }, 'logout notices not readable, later again');
      reachable = false;
    }
    await delay(pollMilliseconds * (0.5 + Math.random()), undefined, { signal, ref: false }).catch(() => undefined);
  }
};
