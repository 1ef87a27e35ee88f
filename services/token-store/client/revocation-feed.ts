import { createInterface } from 'node:readline';
import { setTimeout as timerDelay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { PeerTarget } from '../../shared/peer-address.ts';
import type { PeerPool } from '../../shared/peer-pool.ts';
import { revocationLineSchema, silenceMilliseconds } from './revocation-lines.ts';
import { createRevocationSet, type RevocationSet } from './revocation-set.ts';

/** The revocations of the tenant as they come, in memory. */
export interface RevocationFeedFollower
  extends Pick<RevocationSet, 'isReady' | 'isRevoked' | 'isKeyRevoked' | 'clientEpoch' | 'size'> {
  /** How old what it knows is, ms: it rises while token-stores or their database are away. Undefined before `isReady`. */
  ageMilliseconds(): number | undefined;
  /** Follows until the signal aborts. */
  run(): Promise<void>;
}

export interface RevocationFeedOptions {
  /** Pool of connections to the token-store's pods, as for the client. */
  readonly pool: Pick<PeerPool, 'targets'>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly clock?: () => number;
}

const firstPauseMilliseconds = 50;
const longestPauseMilliseconds = 1_000;

/**
 * Follows the feed at one token-store, and at another one when that ends, fails or is silent for 3 s; it goes on where it
 * was, so that nothing is missed and little is sent twice. What it knew it goes on knowing while nobody answers.
 */
export const createRevocationFeedFollower = (options: RevocationFeedOptions): RevocationFeedFollower => {
  const { pool, signal, logger, clock = Date.now } = options;
  const set = createRevocationSet();
  let isLost = false;

  const followOnce = async (target: PeerTarget): Promise<void> => {
    const position = set.position();
    const query = position === undefined ? '' : `?${new URLSearchParams({ ...position })}`;
    const { statusCode, body } = await target.dispatcher.request({
      method: 'GET',
      path: `/v1/revocations/feed${query}`,
      signal,
      headersTimeout: silenceMilliseconds,
      bodyTimeout: silenceMilliseconds,
    });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`the feed answered ${statusCode}`);
    }
    target.succeeded();
    if (isLost) logger.info({ origin: target.origin }, 'revocation feed found again');
    isLost = false;
    for await (const line of createInterface({ input: body })) {
      set.apply(revocationLineSchema.parse(JSON.parse(line)), clock());
    }
  };

  const follow = async (): Promise<boolean> => {
    const wasReady = set.isReady();
    const before = set.position()?.cursor;
    let tried: PeerTarget | undefined;
    try {
      [tried] = await pool.targets();
      if (tried !== undefined) await followOnce(tried);
    } catch (error) {
      if (signal.aborted) return false;
      tried?.failed(error);
      // Once a loss, not at every attempt.
      if (!isLost) logger.warn({ err: error, origin: tried?.origin }, 'revocation feed lost');
      isLost = true;
    }
    set.interrupt();
    return set.isReady() !== wasReady || set.position()?.cursor !== before;
  };

  return {
    isReady: set.isReady,
    isRevoked: set.isRevoked,
    isKeyRevoked: set.isKeyRevoked,
    clientEpoch: set.clientEpoch,
    size: set.size,
    ageMilliseconds: () => set.ageMilliseconds(clock()),
    run: async () => {
      for (let pause = firstPauseMilliseconds; !signal.aborted; ) {
        const hasMoved = await follow();
        pause = hasMoved ? firstPauseMilliseconds : Math.min(pause * 2, longestPauseMilliseconds);
        await timerDelay(pause, undefined, { signal, ref: false }).catch(() => undefined);
      }
    },
  };
};
