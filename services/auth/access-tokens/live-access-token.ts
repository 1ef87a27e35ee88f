import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import { currentUnit } from '../unit-of-work/current-unit.ts';
import type { AccessTokenClaims, VerifyAccessToken } from './access-token-verifier.ts';

export type LiveTokenOptions = {
  verify: VerifyAccessToken;
  store: Pick<TokenStoreClient, 'introspect'>;
  findClient: (clientId: string) => ClientRegistration | undefined;
};

/**
 * The claims of a JWT access token that is ours, alive, of a client that is there, and not revoked, by one question to the
 * token-store. A session is not asked for: offline access outlives it, and what ends with it is revoked by its grant.
 * @throws TokenStoreUnavailable, after marking the request as one to repeat
 */
export type FindLiveToken = (token: string) => Promise<AccessTokenClaims | undefined>;

export const createFindLiveToken =
  ({ verify, store, findClient }: LiveTokenOptions): FindLiveToken =>
  async (token) => {
    const claims = await verify(token);
    if (claims === undefined || findClient(claims.client_id) === undefined) return undefined;
    const { jti, client_id: clientId, gid, cep: clientEpoch } = claims;
    try {
      const { active } = await store.introspect({
        jti,
        clientId,
        clientEpoch,
        ...(gid !== undefined && { grantId: gid }),
      });
      return active ? claims : undefined;
    } catch (error) {
      currentUnit()?.unit.markAway();
      throw error;
    }
  };
