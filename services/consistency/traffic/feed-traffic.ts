import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RevocationFeedFollower } from '../../token-store/client/revocation-feed.ts';
import { buildRevocationKeys } from '../../token-store/client/revocation-keys.ts';
import { type TokenStoreClient, TokenStoreUnavailable } from '../../token-store/client/token-store-client.ts';
import type { FeedHistory } from '../validate/feed-history.ts';

/** Revokes one access token after another, and looks what followers know of it. */
export interface FeedTraffic {
  /** How many revocations were acknowledged so far. */
  acknowledged(): number;
  /** What was acknowledged so far is known by every follower. */
  isTold(): boolean;
  history(): FeedHistory;
  stop(): Promise<void>;
}

const pauseMilliseconds = 5;

/** Every fourth token is left alive, so that a feed which says yes to everything is found out. */
const leftAlive = 4;

/** Starts at once. A revocation that gets no answer is not repeated: it may have happened. */
export const startFeedTraffic = (
  store: Pick<TokenStoreClient, 'revoke'>,
  followers: ReadonlyMap<string, Pick<RevocationFeedFollower, 'isRevoked'>>,
): FeedTraffic => {
  const tokens: string[] = [];
  const acknowledged = new Set<string>();
  const unknown = new Set<string>();
  const looks = new Map([...followers.keys()].map((name) => [name, [] as ReadonlySet<string>[]]));
  let stopped = false;

  const known = (follower: Pick<RevocationFeedFollower, 'isRevoked'>): ReadonlySet<string> =>
    new Set(tokens.filter((jti) => follower.isRevoked(buildRevocationKeys({ jti, client_id: 'shop' }))));
  const look = (): void => {
    for (const [name, follower] of followers) looks.get(name)?.push(known(follower));
  };
  const revokeOne = async (): Promise<void> => {
    const jti = randomUUID();
    tokens.push(jti);
    if (tokens.length % leftAlive === 0) return;
    try {
      await store.revoke({ by: 'token', jti, expiresInSeconds: 3_600 });
      acknowledged.add(jti);
    } catch (error) {
      if (!(error instanceof TokenStoreUnavailable)) throw error;
      unknown.add(jti);
    }
  };
  const run = async (): Promise<void> => {
    while (!stopped) {
      await revokeOne();
      look();
      await delay(pauseMilliseconds);
    }
  };
  const running = run();
  // Whoever stops it is told; until then it must not end the process.
  running.catch(() => undefined);
  return {
    acknowledged: () => acknowledged.size,
    isTold: () =>
      [...followers.values()].every((follower) => {
        const told = known(follower);
        return [...acknowledged].every((jti) => told.has(jti));
      }),
    history: () => {
      look();
      return { acknowledged, unknown, looks };
    },
    stop: async () => {
      stopped = true;
      await running;
    },
  };
};
