import { setTimeout as timerDelay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { databaseErrorCode } from '../shared/postgres-errors.ts';
import type { Queryable } from '../shared/postgres-pool.ts';
import { heartbeatMilliseconds, isSameDatabase, type RevocationLine } from './client/revocation-lines.ts';
import { buildEntryLines, createHeldRevocations, type HeldRevocations } from './held-revocations.ts';
import { readRevocationChanges } from './queries/revocation-changes.ts';

/** Where a follower was. */
export type FeedPosition = { readonly database: string; readonly cursor: bigint };
type Send = (line: RevocationLine) => void;

/** The revocations of the tenant, read once a process and sent to every follower. */
export interface RevocationFeed {
  /** Reads until the signal aborts: twice a second, and when somebody hints. */
  run(): Promise<void>;
  /** There may be something new. */
  hint(): void;
  /**
   * Sends what is known, or what is new since the position, and then what comes; while the database is away too.
   * @returns how to end it; undefined before anything was read
   */
  subscribe(position: FeedPosition | undefined, send: Send): (() => void) | undefined;
  size(): number;
}

export interface RevocationFeedOptions {
  readonly pool: Queryable;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
}

const pollMilliseconds = 500;
const hintMilliseconds = 50;
const forgetEveryMilliseconds = 10_000;

/** A feed that has read nothing yet. */
export const createRevocationFeed = (options: RevocationFeedOptions): RevocationFeed => {
  const { pool, signal, logger, clock = Date.now } = options;
  const followers = new Set<Send>();
  let held: HeldRevocations | undefined;
  let readAt = 0;
  let forgotAt = 0;
  let reachable = true;
  let wake: (() => void) | undefined;

  const progress = ({ cursor }: HeldRevocations) => ({
    cursor: String(cursor()),
    ageMilliseconds: Math.max(0, clock() - readAt),
  });
  const sendAll = (lines: readonly RevocationLine[]): void => {
    for (const send of followers) for (const line of lines) send(line);
  };
  const buildSnapshot = (from: HeldRevocations, position: FeedPosition | undefined): RevocationLine[] => {
    const resumed = position !== undefined && position.database === from.database;
    return [
      { type: 'begin', database: from.database, resumed },
      ...buildEntryLines(from.since(resumed ? position.cursor : 0n), progress(from)),
      { type: 'ready', ...progress(from) },
    ];
  };

  const read = async (): Promise<void> => {
    const startedAt = clock();
    const changes = await readRevocationChanges(pool, held?.cursor() ?? 0n);
    if (held === undefined || held.database === changes.database) {
      const isFirst = held === undefined;
      held ??= createHeldRevocations(changes.database);
      const added = held.add(changes);
      readAt = startedAt;
      if (!isFirst) sendAll(buildEntryLines(added, progress(held)));
      return;
    }
    // Transaction ids of the other one say nothing here: from the beginning, and so for every follower.
    const former = isSameDatabase(held.database, changes.database) ? held.since(0n).entries : [];
    const next = createHeldRevocations(changes.database, former);
    const whole = await readRevocationChanges(pool, 0n);
    if (whole.database !== changes.database) return read();
    next.add(whole);
    held = next;
    readAt = startedAt;
    sendAll(buildSnapshot(next, undefined));
  };

  const readOrWarn = async (): Promise<void> => {
    try {
      await read();
      if (!reachable) logger.info('revocations readable again');
      reachable = true;
    } catch (error) {
      // Once a loss, not twice a second.
      if (reachable) logger.warn({ code: databaseErrorCode(error) }, 'revocations not readable');
      reachable = false;
    }
  };

  const pause = async (): Promise<void> => {
    const slept = new AbortController();
    const hinted = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const either = AbortSignal.any([signal, slept.signal]);
    await Promise.race([
      timerDelay(pollMilliseconds, undefined, { signal: either, ref: false }).catch(() => undefined),
      // Many hints at once are answered by one look.
      hinted.then(() => timerDelay(hintMilliseconds, undefined, { signal: either, ref: false }).catch(() => undefined)),
    ]);
    wake = undefined;
    slept.abort();
  };

  const beat = (): void => {
    if (held === undefined) return;
    sendAll([{ type: 'heartbeat', ...progress(held) }]);
    if (clock() - forgotAt < forgetEveryMilliseconds) return;
    forgotAt = clock();
    held.forgetExpired(forgotAt / 1000);
  };

  return {
    hint: () => wake?.(),
    run: async () => {
      const heartbeat = setInterval(beat, heartbeatMilliseconds);
      while (!signal.aborted) {
        await readOrWarn();
        await pause();
      }
      clearInterval(heartbeat);
    },
    subscribe: (position, send) => {
      if (held === undefined) return undefined;
      for (const line of buildSnapshot(held, position)) send(line);
      followers.add(send);
      return () => followers.delete(send);
    },
    size: () => held?.size() ?? 0,
  };
};
