import { errors } from 'oidc-provider';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';

/** Whose token it is, and whom it is for. */
export type TokenOwnership = { clientId: string; audience: string | undefined };

/**
 * May a client be told what a token is worth (RFC 7662 section 4)? Its own, and those for the API that it is. Whoever
 * cannot prove to be a client is told nothing.
 */
export const mayIntrospect = (
  registration: ClientRegistration | undefined,
  { clientId, audience }: TokenOwnership,
): boolean => {
  if (registration === undefined || registration.tokenEndpointAuthMethod === 'none') return false;
  if (clientId === registration.clientId) return true;
  return audience !== undefined && (registration.introspectedAudiences ?? []).includes(audience);
};

/** RFC 7009 section 2.1: a client revokes its own tokens. @throws InvalidRequest for another client's */
export const assertMayRevoke = (clientId: string, token: Pick<TokenOwnership, 'clientId'>): void => {
  if (token.clientId !== clientId) {
    throw new errors.InvalidRequest('client is not authorized to revoke the presented token');
  }
};
