import { Provider } from 'oidc-provider';
import type { AccessTokenClaims } from './access-token-verifier.ts';
import type { FindLiveToken } from './live-access-token.ts';

type AccessToken = InstanceType<Provider['AccessToken']>;

/** Opaque tokens of ours have no dot. */
const isStructured = (value: string): boolean => value.includes('.');

/**
 * What the `claims` parameter asked of userinfo is not in a JWT: what the person's grant holds beyond scopes was asked for
 * and allowed.
 */
const claimsOf = (grant: InstanceType<Provider['Grant']>) => ({
  userinfo: Object.fromEntries(grant.getOIDCClaims().map((claim) => [claim, null])),
});

/**
 * Makes the provider's userinfo accept our access tokens: a JWT becomes the model that the library would have stored. It
 * refuses every token with an audience there; ours all have one, and open userinfo by the scope `openid`.
 */
export const acceptOwnTokensAtUserinfo = (provider: Provider, findLive: FindLiveToken): void => {
  const { AccessToken, Grant } = provider;
  const { find } = AccessToken;
  const findStored = (value: string, options?: object): Promise<AccessToken | undefined> =>
    Reflect.apply(find, AccessToken, [value, options]);

  const build = async ({ gid, ...claims }: AccessTokenClaims): Promise<AccessToken | undefined> => {
    // `sub` may be a pairwise one, so the grant says who it is. Without a user there is none, and no `openid` either.
    const grant = gid === undefined ? undefined : await Grant.find(gid);
    const client = await provider.Client.find(claims.client_id);
    if (client === undefined || (gid !== undefined && grant === undefined)) return undefined;
    const token = new AccessToken({
      client,
      accountId: grant?.accountId ?? claims.sub,
      grantId: gid ?? '',
      gty: 'authorization_code',
      scope: claims.scope,
      ...(grant !== undefined && { claims: claimsOf(grant) }),
      ...claims.cnf,
    });
    return Object.assign(token, { jti: claims.jti, iat: claims.iat, exp: claims.exp });
  };

  const findForUserinfo = async (value: unknown): Promise<AccessToken | undefined> => {
    if (typeof value !== 'string') return undefined;
    if (isStructured(value)) {
      const claims = await findLive(value);
      return claims && build(claims);
    }
    const stored = await findStored(value);
    return stored && Object.assign(stored, { aud: undefined });
  };

  Object.defineProperty(AccessToken, 'find', {
    value: (value: string, options?: object): Promise<AccessToken | undefined> =>
      Provider.ctx?.oidc.route === 'userinfo' ? findForUserinfo(value) : findStored(value, options),
  });
};
