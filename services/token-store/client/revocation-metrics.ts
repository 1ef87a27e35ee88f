import { Gauge, type Registry } from 'prom-client';
import type { RevocationFeedFollower } from './revocation-feed.ts';

/** What a follower of the feed says of itself. */
export const exposeRevocationFeed = (
  registry: Registry,
  follower: Pick<RevocationFeedFollower, 'ageMilliseconds' | 'size'>,
): void => {
  const registers = [registry];
  new Gauge({
    name: 'revocation_feed_age_seconds',
    help: 'How old the revocations are that are known here; NaN before there are any. It rises while no token-store answers.',
    registers,
    collect() {
      const age = follower.ageMilliseconds();
      this.set(age === undefined ? Number.NaN : age / 1000);
    },
  });
  new Gauge({
    name: 'revocation_feed_entries',
    help: 'Revocations that are known here and not over yet, without those of whole clients.',
    registers,
    collect() {
      this.set(follower.size());
    },
  });
};
