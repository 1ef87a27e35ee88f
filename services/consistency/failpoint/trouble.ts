import { setTimeout as delay } from 'node:timers/promises';
import type { Stage } from '../stage.ts';

/** What has been done to the processes so far. */
export type Trouble = {
  readonly counts: { readonly kills: number; readonly losses: number };
  /** Ends it; resolves when everybody is back. */
  stop(): Promise<void>;
};

/** How long the peace lasts between two troubles, ms. */
const peace = { min: 150, max: 700 };

/**
 * Kills a process, or loses the answers on one of the ways between them, time and again. One thing at a time, so that
 * somebody is always there to answer.
 */
export const startTrouble = ({ members, relays }: Pick<Stage, 'members' | 'relays'>, random: () => number): Trouble => {
  const ended = new AbortController();
  const counts = { kills: 0, losses: 0 };
  const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)];

  const run = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const pause = peace.min + random() * (peace.max - peace.min);
      await delay(pause, undefined, { signal: ended.signal }).catch(() => undefined);
      if (ended.signal.aborted) return;
      if (random() < 0.5) {
        counts.kills += 1;
        await pick(members)?.killAndRestart();
      } else {
        counts.losses += 1;
        pick(relays)?.loseAnswers();
      }
    }
  };
  const running = run();
  // Whoever stops it is told; until then it must not end the process.
  running.catch(() => undefined);
  return {
    counts,
    stop: async () => {
      ended.abort();
      await running;
    },
  };
};
