import { errors } from 'oidc-provider';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import { currentUnit } from '../unit-of-work/current-unit.ts';
import type { ProviderContext, ProviderNext } from '../unit-of-work/provider-context.ts';
import type { AccessTokenClaims } from './access-token-verifier.ts';
import type { FindLiveToken } from './live-access-token.ts';
import { assertMayRevoke, mayIntrospect } from './token-policies.ts';

export type StructuredTokenOptions = {
  findLive: FindLiveToken;
  findClient: (clientId: string) => ClientRegistration | undefined;
  store: Pick<TokenStoreClient, 'revoke'>;
  /** Epoch seconds. */
  now: () => number;
};

/** By this error the library says that it knows the client, and that the token is none that it keeps. */
export const isStructuredTokenRefusal = (error: unknown): boolean => error instanceof errors.UnsupportedTokenType;

const isRefusedAsStructured = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && Reflect.get(body, 'error') === 'unsupported_token_type';

/** RFC 7662 section 2.2: the claims of the token itself, and what they do not say. */
const buildIntrospection = (claims: AccessTokenClaims): Record<string, unknown> => ({
  active: true,
  token_type: claims.cnf?.jkt === undefined ? 'Bearer' : 'DPoP',
  ...claims,
});

/**
 * Answers introspection and revocation for JWT access tokens. oidc-provider refuses those, but only after it has
 * authenticated the client and checked the parameters, which is why this comes after it and takes its refusal back.
 */
export const createStructuredTokenAnswers = ({ findLive, findClient, store, now }: StructuredTokenOptions) => {
  const introspect = async (clientId: string, token: string): Promise<Record<string, unknown>> => {
    const claims = await findLive(token);
    const isAllowed =
      claims !== undefined && mayIntrospect(findClient(clientId), { clientId: claims.client_id, audience: claims.aud });
    return isAllowed ? buildIntrospection(claims) : { active: false };
  };

  const revoke = async (clientId: string, token: string): Promise<void> => {
    const claims = await findLive(token);
    if (claims === undefined) return;
    assertMayRevoke(clientId, { clientId: claims.client_id });
    await store.revoke({ by: 'token', jti: claims.jti, expiresInSeconds: Math.max(1, claims.exp - now()) });
  };

  return async (context: ProviderContext, next: ProviderNext): Promise<void> => {
    await next();
    const { client, params, route } = context.oidc ?? {};
    const token: unknown = params?.['token'];
    if (client === undefined || typeof token !== 'string' || !isRefusedAsStructured(context.body)) return;
    try {
      if (route === 'introspection') context.body = await introspect(client.clientId, token);
      else {
        await revoke(client.clientId, token);
        context.body = '';
      }
      context.status = 200;
    } catch (error) {
      if (error instanceof errors.InvalidRequest) {
        context.body = { error: error.error, error_description: error.error_description };
        return;
      }
      // Nobody above may be thrown at: the unit answers for what could not be asked.
      currentUnit()?.unit.markAway();
    }
  };
};
