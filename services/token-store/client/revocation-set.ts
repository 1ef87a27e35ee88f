import { buildKeyKey, type RevocationKeys } from './revocation-keys.ts';
import { isSameDatabase, type RevocationLine } from './revocation-lines.ts';

/** What a follower of the feed knows. */
export interface RevocationSet {
  /** Takes a line in, at this time (ms since the epoch). */
  apply(line: RevocationLine, now: number): void;
  /** The connection is gone: a set that was not whole yet is given up. */
  interrupt(): void;
  isReady(): boolean;
  isRevoked(keys: RevocationKeys): boolean;
  /** Is everything revoked that this key has signed? */
  isKeyRevoked(kid: string): boolean;
  clientEpoch(clientId: string): number;
  /** Where to go on, at any token-store. */
  position(): { readonly database: string; readonly cursor: string } | undefined;
  /** How old what it knows is, ms; undefined before it knows anything. */
  ageMilliseconds(now: number): number | undefined;
  size(): number;
}

type Content = { readonly entries: Map<string, number>; readonly clientEpochs: Map<string, number> };

const emptyContent = (): Content => ({ entries: new Map(), clientEpochs: new Map() });
const forgetEveryMilliseconds = 10_000;

/**
 * A set that begins empty, and not ready. A new snapshot takes its place only when it is whole, and of the same database on
 * another timeline it adds to what is known.
 */
export const createRevocationSet = (): RevocationSet => {
  let content = emptyContent();
  let next: { readonly database: string; readonly content: Content } | undefined;
  let position: { readonly database: string; readonly cursor: string } | undefined;
  let readAt: number | undefined;
  let forgotAt = 0;

  const forgetExpired = (now: number): void => {
    if (now - forgotAt < forgetEveryMilliseconds) return;
    forgotAt = now;
    for (const [key, expiresAt] of content.entries) if (expiresAt * 1000 <= now) content.entries.delete(key);
  };
  const add = (into: Content, { entries, clientEpochs }: Extract<RevocationLine, { type: 'entries' }>): void => {
    for (const [kind, key, expiresAt] of entries) {
      const name = `${kind} ${key}`;
      into.entries.set(name, Math.max(expiresAt, into.entries.get(name) ?? 0));
    }
    for (const [clientId, epoch] of clientEpochs) {
      into.clientEpochs.set(clientId, Math.max(epoch, into.clientEpochs.get(clientId) ?? 0));
    }
  };
  /** Epochs are the new primary's: a client would be locked out by one that is higher than what its tokens get now. */
  const beginAnew = (database: string): Content => ({
    entries: new Map(position !== undefined && isSameDatabase(position.database, database) ? content.entries : []),
    clientEpochs: new Map(),
  });
  const settle = ({ cursor, ageMilliseconds }: { cursor: string; ageMilliseconds: number }, now: number): void => {
    if (position === undefined) return;
    position = { ...position, cursor };
    readAt = now - ageMilliseconds;
  };

  return {
    apply: (line, now) => {
      switch (line.type) {
        case 'begin':
          next = line.resumed ? undefined : { database: line.database, content: beginAnew(line.database) };
          return;
        case 'entries':
          add(next?.content ?? content, line);
          if (next === undefined) settle(line, now);
          return;
        case 'ready':
          if (next !== undefined) {
            content = next.content;
            position = { database: next.database, cursor: line.cursor };
            next = undefined;
          }
          settle(line, now);
          return;
        case 'heartbeat':
          if (next === undefined) settle(line, now);
          forgetExpired(now);
      }
    },
    interrupt: () => {
      next = undefined;
    },
    isReady: () => position !== undefined,
    isRevoked: ({ entries, clientId, clientEpoch }) =>
      entries.some((key) => content.entries.has(key)) || (content.clientEpochs.get(clientId) ?? 0) > clientEpoch,
    isKeyRevoked: (kid) => content.entries.has(buildKeyKey(kid)),
    clientEpoch: (clientId) => content.clientEpochs.get(clientId) ?? 0,
    position: () => position,
    ageMilliseconds: (now) => (readAt === undefined ? undefined : now - readAt),
    size: () => content.entries.size,
  };
};
