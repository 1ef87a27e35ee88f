import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { Handlers } from './outbox-worker.ts';

/**
 * Handlers for what has to end at the token-store. A repetition, after an answer that was lost or a page that was faster,
 * has the same id and spares what was begun in between.
 */
export const createRevocationDelivery = (
  store: Pick<TokenStoreClient, 'revoke'>,
): Required<Pick<Handlers, 'revoke_subject' | 'revoke_session' | 'revoke_grant'>> => ({
  revoke_subject: async ({ requestId, ...revocation }, id) => {
    await store.revoke({ by: 'subject', ...revocation, requestId: requestId ?? id });
    return { outcome: 'delivered' };
  },
  revoke_session: async ({ sessionUid }) => {
    await store.revoke({ by: 'session', sessionUid });
    return { outcome: 'delivered' };
  },
  revoke_grant: async ({ grantId }) => {
    await store.revoke({ by: 'grant', grantId });
    return { outcome: 'delivered' };
  },
});
