import { shortenKey } from './client/revocation-keys.ts';
import {
  type ClientEpoch,
  type RevocationEntry,
  type RevocationLine,
  revocationKindSchema,
} from './client/revocation-lines.ts';
import type { RevocationChanges } from './queries/revocation-changes.ts';

/** What a read has brought that was not known before: a line is sent of nothing else. */
export interface NewRevocations {
  readonly entries: RevocationEntry[];
  readonly clientEpochs: ClientEpoch[];
}

/** Everything that is revoked in one database, as a token-store has read it. */
export interface HeldRevocations {
  readonly database: string;
  cursor(): bigint;
  /** Takes in what was read from `cursor()` on. A read overlaps with the one before by what was under way then. */
  add(changes: RevocationChanges): NewRevocations;
  /** What is known, from that transaction on. */
  since(cursor: bigint): NewRevocations;
  /** Lets go of what every access token has outlived. @param now epoch seconds */
  forgetExpired(now: number): void;
  size(): number;
}

const nameOf = ([kind, key]: RevocationEntry): string => `${kind} ${key}`;

/**
 * Nothing of that database yet, but what was known before it took another's place: a primary that was promoted may never
 * have heard of it. Their transactions are below all of this one's, whatever their numbers were.
 */
export const createHeldRevocations = (database: string, former: readonly RevocationEntry[] = []): HeldRevocations => {
  const entries = new Map<string, { readonly entry: RevocationEntry; readonly xid: bigint }>(
    former.map((entry) => [nameOf(entry), { entry, xid: 0n }]),
  );
  const clients = new Map<string, { readonly client: ClientEpoch; readonly xid: bigint }>();
  let cursor = 0n;
  return {
    database,
    cursor: () => cursor,
    add: (changes) => {
      const added: NewRevocations = { entries: [], clientEpochs: [] };
      for (const { kind, keyHash, xid, expiresAt } of changes.entries) {
        const read: RevocationEntry = [revocationKindSchema.parse(kind), shortenKey(keyHash), expiresAt];
        const name = nameOf(read);
        const known = entries.get(name);
        // One of before has no number here that a follower of another token-store could be past.
        if (known !== undefined && known.entry[2] >= expiresAt && known.xid > 0n) continue;
        const entry: RevocationEntry = [read[0], read[1], Math.max(expiresAt, known?.entry[2] ?? 0)];
        entries.set(name, { entry, xid });
        added.entries.push(entry);
      }
      for (const { clientId, epoch, xid } of changes.clients) {
        if ((clients.get(clientId)?.client[1] ?? 0) >= epoch) continue;
        const client: ClientEpoch = [clientId, epoch];
        clients.set(clientId, { client, xid });
        added.clientEpochs.push(client);
      }
      cursor = changes.next;
      return added;
    },
    since: (from) => ({
      entries: [...entries.values()].flatMap(({ entry, xid }) => (xid >= from ? [entry] : [])),
      clientEpochs: [...clients.values()].flatMap(({ client, xid }) => (xid >= from ? [client] : [])),
    }),
    forgetExpired: (now) => {
      for (const [name, { entry }] of entries) if (entry[2] <= now) entries.delete(name);
    },
    size: () => entries.size,
  };
};

/** Entries a line, so that none takes long to write or to read. */
const entriesPerLine = 2_000;

/** The lines of `entries`, none for nothing. */
export const buildEntryLines = (
  { entries, clientEpochs }: NewRevocations,
  progress: { readonly cursor: string; readonly ageMilliseconds: number },
): RevocationLine[] => {
  const count = Math.max(Math.ceil(entries.length / entriesPerLine), clientEpochs.length > 0 ? 1 : 0);
  return Array.from({ length: count }, (_, line) => ({
    type: 'entries',
    entries: entries.slice(line * entriesPerLine, (line + 1) * entriesPerLine),
    clientEpochs: line === 0 ? clientEpochs : [],
    ...progress,
  }));
};
