import { z } from 'zod';
import type { CacheCopies } from './cache-connection.ts';
import { type FindRequest, type FindResponse, findResponseSchema, type Intent } from './contract.ts';
import type { DataKeyring } from './data-encryption-keys.ts';
import { EnvelopeError, openEnvelope, sealEnvelope } from './envelope.ts';
import { hashRecordId } from './record-hash.ts';

/** How a look at the cache went; `unusable`: what is there is not ours, was changed, or has had its time. */
export type CacheRead = 'hit' | 'miss' | 'unusable' | 'unavailable';

/**
 * Copies of device codes that nobody has said yes to, so that devices which ask every few seconds do not each ask the
 * database. The only record that is asked for again and again and cannot go stale wrongly: an old copy says "not yet" for
 * a few seconds longer, and what lets a device in is decided by a commit in the database.
 */
export interface PendingDevices {
  /** The database's answer, or a copy of one that was right seconds ago. */
  find(request: FindRequest, ask: () => Promise<FindResponse>): Promise<FindResponse>;
  /** After a transaction: what it has written is not pending any more, or pending otherwise. */
  forget(intents: readonly Intent[]): Promise<void>;
}

export type PendingDevicesOptions = {
  /** A tenant's own name, where several share a cache. */
  readonly prefix: string;
  readonly keyring: () => DataKeyring;
  readonly onRead: (read: CacheRead) => void;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
};

/** A device asks every 5 s (RFC 8628, 3.2): for so long it may be told "not yet" by a copy that nobody could take back. */
const keepSeconds = 10;

const copySchema = z.object({ until: z.number(), response: findResponseSchema });

/** Its own kind, so that a copy cannot be put in a row's place, nor a row in a copy's. */
const ownerOf = (id: string) => ({ kind: 'pending_device', idHash: hashRecordId('device_code', id) });

const isPending = ({ record }: FindResponse): boolean =>
  record !== undefined && record.consumedAt === undefined && record.payload['grantId'] === undefined;

/** @throws EnvelopeError, ZodError for what is not such a copy */
const openCopy = (keyring: DataKeyring, id: string, copy: Buffer): z.infer<typeof copySchema> =>
  copySchema.parse(openEnvelope(keyring, ownerOf(id), copy).payload);

/** Devices over the copies of a cache, which may be away, slow, flushed, or in somebody else's hands. */
export const createPendingDevices = (cache: CacheCopies, options: PendingDevicesOptions): PendingDevices => {
  const { prefix, keyring, onRead, clock = Date.now } = options;
  const keyOf = (id: string): string => `${prefix}:pending_device:${ownerOf(id).idHash.toString('base64url')}`;

  const read = async (id: string): Promise<FindResponse | undefined> => {
    const found = await cache.get(keyOf(id));
    if (found === 'unavailable') return note('unavailable');
    if (found === undefined) return note('miss');
    try {
      const { until, response } = openCopy(keyring(), id, found);
      if (clock() >= until || !isPending(response)) return note('unusable');
      onRead('hit');
      return response;
    } catch (error) {
      if (!(error instanceof EnvelopeError || error instanceof z.ZodError)) throw error;
      return note('unusable');
    }
  };
  const note = (outcome: CacheRead): undefined => {
    onRead(outcome);
    return undefined;
  };
  const keep = async (id: string, response: FindResponse): Promise<void> => {
    const expiresAt = Date.parse(response.record?.expiresAt ?? '');
    const until = Math.min(clock() + keepSeconds * 1_000, expiresAt);
    const milliseconds = Math.floor(until - clock());
    if (!(milliseconds > 0)) return;
    const copy = sealEnvelope(keyring(), ownerOf(id), { id, payload: { until, response } });
    await cache.set(keyOf(id), copy, milliseconds);
  };

  return {
    find: async ({ kind, by, value }, ask) => {
      if (kind !== 'device_code' || by !== 'id') return ask();
      const copy = await read(value);
      if (copy !== undefined) return copy;
      const response = await ask();
      if (isPending(response)) await keep(value, response);
      return response;
    },
    forget: async (intents) => {
      const ids = intents.flatMap((intent) => ('kind' in intent && intent.kind === 'device_code' ? [intent.id] : []));
      await Promise.all([...new Set(ids)].map((id) => cache.delete(keyOf(id))));
    },
  };
};

/** Where a tenant names no cache. */
export const withoutCache: PendingDevices = { find: (_request, ask) => ask(), forget: async () => undefined };
