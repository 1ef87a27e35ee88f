import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../world.ts';
import { pick } from './random.ts';

/**
 * How what the operator sees differs from what is: `held`: no event arrives while it has something to do; `lagging`: of
 * each kind the last few events are not there yet; `restarted`: it has started anew in the middle, and its lists are of before;
 * `dropped`: events are lost until it lists anew.
 */
export type StaleView = { readonly kind: 'held' | 'lagging' | 'restarted' | 'dropped'; readonly seed: number };

/** How often nothing may have happened before the view moves on: the operator was idle and asked nothing each time. */
const stillTurns = 2;

/**
 * Keeps the view stale: whenever the operator has come to rest on what it sees, one event more arrives, of a kind that
 * chance chooses. So it acts on every step of its own past.
 * @param whenStuck called when the operator rests and nothing waits any more.
 * @returns what ends it.
 */
export const feedSlowly = (
  world: World,
  random: () => number,
  whenStuck: () => void = () => undefined,
): (() => Promise<void>) => {
  let isOver = false;
  const feeding = (async () => {
    let still = 0;
    let seen = -1;
    while (!isOver) {
      await sleep(2);
      if (!world.isRunning()) continue;
      const calls = world.calls().length;
      const { operator, proxy } = world.current();
      still = calls === seen && (await operator.isIdle()) ? still + 1 : 0;
      seen = calls;
      if (still < stillTurns) continue;
      const waiting = proxy.watches.waiting();
      if (waiting.length > 0) proxy.watches.releaseNext(pick(waiting, random));
      else whenStuck();
    }
  })();
  return async () => {
    isOver = true;
    await feeding;
  };
};
