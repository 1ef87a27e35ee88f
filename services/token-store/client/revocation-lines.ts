import { z } from 'zod';

/**
 * The lines (NDJSON) of `GET /v1/revocations/feed?database=&cursor=`, for gateway and auth: `begin`, any number of `entries`,
 * `ready` when the set is whole, and then `entries` as they come and a `heartbeat` every second. Revocations are a set:
 * whoever gets one twice loses nothing. With the `database` and `cursor` of before only what is newer is sent. A `begin`
 * that is not `resumed` means that the set begins anew, in the middle of a stream too.
 */

/** What a revocation names besides clients. */
export const revocationKindSchema = z.enum(['key', 'token', 'grant', 'session']);

/** Kind, key (`buildRevocationKeys`), and until when it has to be known, epoch seconds. */
const entrySchema = z.tuple([revocationKindSchema, z.string(), z.number()]);
export type RevocationEntry = z.infer<typeof entrySchema>;

/** A client, and the epoch below which everything of its was revoked; it has no end. */
const clientEpochSchema = z.tuple([z.string(), z.number()]);
export type ClientEpoch = z.infer<typeof clientEpochSchema>;

const progress = {
  /** Everything that was revoked before this transaction id has been sent. */
  cursor: z.string(),
  /** How long ago the token-store has last read the database, ms. */
  ageMilliseconds: z.number(),
};

export const revocationLineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('begin'), database: z.string(), resumed: z.boolean() }),
  z.object({
    type: z.literal('entries'),
    entries: z.array(entrySchema),
    clientEpochs: z.array(clientEpochSchema),
    ...progress,
  }),
  z.object({ type: z.literal('ready'), ...progress }),
  z.object({ type: z.literal('heartbeat'), ...progress }),
]);
export type RevocationLine = z.infer<typeof revocationLineSchema>;

/**
 * Whether two names of databases (`<id>:<timeline>`) are one database before and after a failover. Cursors of one say
 * nothing on the other, but what was revoked there is revoked here, even where the new primary has never heard of it.
 */
export const isSameDatabase = (one: string, other: string): boolean => {
  const id = one.slice(0, one.lastIndexOf(':'));
  return id !== '' && id === other.slice(0, other.lastIndexOf(':'));
};

/** A token-store sends one so often, and who hears nothing for `silenceMilliseconds` goes to another. */
export const heartbeatMilliseconds = 1_000;
export const silenceMilliseconds = 3_000;
