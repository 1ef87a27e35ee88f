import { z } from 'zod';

/** Payload of `backchannel_logout` in the token-store's outbox: who has signed out of which application, and when. */
export const logoutNoticeSchema = z.object({
  clientId: z.string(),
  /** The account; the token names it as the application knows it. */
  subject: z.string(),
  /** As in the ID tokens that the application got in this session. */
  sid: z.string(),
  /** Epoch seconds. */
  endedAt: z.int(),
});
export type LogoutNotice = z.infer<typeof logoutNoticeSchema>;
