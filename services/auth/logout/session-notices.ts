import { z } from 'zod';
import type { OutboxMessage } from '../unit-of-work/unit-of-work.ts';
import type { LogoutNotice } from './logout-notice.ts';

/** The token-store takes at most this many messages with a revocation. */
const maxNotices = 1000;

const sessionSchema = z.object({
  accountId: z.string(),
  // `sid` is there when the application was told one.
  authorizations: z.record(z.string(), z.object({ sid: z.string().optional() })).optional(),
});

/**
 * What applications are told when sessions end in another way than by signing out in them: by the account page, a reset or an
 * operator. The library's sign-out writes the same, under the same key, so nobody is told twice.
 * @param sessions payloads of sessions, which are the library's
 * @param receives whether a client has an address for it
 * @param endedAt epoch seconds
 */
export const planSessionNotices = (
  sessions: readonly unknown[],
  { receives, endedAt }: { receives: (clientId: string) => boolean; endedAt: number },
): OutboxMessage[] =>
  sessions
    .flatMap((payload): OutboxMessage[] => {
      const session = sessionSchema.safeParse(payload);
      if (!session.success) return [];
      const { accountId: subject, authorizations = {} } = session.data;
      return Object.entries(authorizations).flatMap(([clientId, { sid }]) => {
        if (sid === undefined || !receives(clientId)) return [];
        const notice: LogoutNotice = { clientId, subject, sid, endedAt };
        return [{ topic: 'backchannel_logout', key: sid, payload: notice }];
      });
    })
    .slice(0, maxNotices);
