import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import { planSessionNotices } from '../logout/session-notices.ts';
import type { OutboxMessage } from '../unit-of-work/unit-of-work.ts';
import type { Handlers } from './outbox-worker.ts';

export type RevocationDeliveryOptions = {
  readonly store: Pick<TokenStoreClient, 'revoke' | 'find' | 'listSessions'>;
  readonly findClient: (clientId: string) => ClientRegistration | undefined;
  /** Epoch seconds. */
  readonly now: () => number;
};

/**
 * Handlers for what has to end at the token-store, and what applications are told of it. A repetition, after an answer that
 * was lost or a page that was faster, has the same id: it spares what was begun in between, and tells nobody of that.
 */
export const createRevocationDelivery = ({
  store,
  findClient,
  now,
}: RevocationDeliveryOptions): Required<Pick<Handlers, 'revoke_subject' | 'revoke_session' | 'revoke_grant'>> => {
  const noticesOf = (sessions: readonly { payload: unknown }[]): OutboxMessage[] =>
    planSessionNotices(
      sessions.map(({ payload }) => payload),
      { receives: (clientId) => findClient(clientId)?.backchannelLogoutUri !== undefined, endedAt: now() },
    );
  return {
    revoke_subject: async ({ subject, keepSessionUid }, id) => {
      const { sessions } = await store.listSessions({ subject });
      const messages = noticesOf(sessions.filter(({ uid }) => uid !== keepSessionUid));
      await store.revoke({ by: 'subject', subject, keepSessionUid, requestId: id, messages });
      return { outcome: 'delivered' };
    },
    revoke_session: async ({ sessionUid }) => {
      const { record } = await store.find({ kind: 'session', by: 'uid', value: sessionUid });
      await store.revoke({ by: 'session', sessionUid, messages: noticesOf(record === undefined ? [] : [record]) });
      return { outcome: 'delivered' };
    },
    revoke_grant: async ({ grantId }) => {
      await store.revoke({ by: 'grant', grantId });
      return { outcome: 'delivered' };
    },
  };
};
