import type { Provider } from 'oidc-provider';
import { currentUnit } from '../unit-of-work/current-unit.ts';
import type { LogoutNotice } from './logout-notice.ts';

/**
 * oidc-provider posts logout tokens within the request, before the sign-out is written and without a second attempt. Here a
 * notice is written in the sign-out's own transaction, and delivered after it.
 * @param now epoch seconds
 */
export const enqueueLogoutNotices = (provider: Provider, now: () => number): void => {
  Object.defineProperty(provider.Client.prototype, 'backchannelLogout', {
    async value(this: { clientId: string }, subject: string, sid: string): Promise<void> {
      const open = currentUnit();
      if (open === undefined) throw new Error('a sign-out outside of a unit of work');
      const notice: LogoutNotice = { clientId: this.clientId, subject, sid, endedAt: now() };
      open.unit.enqueue({ topic: 'backchannel_logout', key: sid, payload: notice });
    },
  });
};
