import { createHash, randomBytes } from 'node:crypto';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { texts } from '../pages/texts.ts';
import { paths } from '../provider/issuer.ts';

/** No IdentityClient can have this name: Kubernetes knows no colon in one. */
export const accountClientId = 'identity-operator:account';

/** Where oidc-provider sends the browser back to the account page. */
const signedInPath = `${paths.account}/signed-in`;

/** The client by which the account page signs people in: it gets a session for them, and uses no token. */
export const buildAccountClient = (issuer: string): ClientRegistration => ({
  clientId: accountClientId,
  clientName: texts.account.clientName,
  grantTypes: ['authorization_code'],
  redirectUris: [`${issuer}${signedInPath}`],
  postLogoutRedirectUris: [],
  scopes: ['openid'],
  audiences: [],
  tokenEndpointAuthMethod: 'none',
  secretHashes: [],
});

/** Clients of the registry, and the account page's. */
export const withAccountClient = (
  find: (clientId: string) => ClientRegistration | undefined,
  issuer: string,
): ((clientId: string) => ClientRegistration | undefined) => {
  const client = buildAccountClient(issuer);
  return (clientId) => (clientId === accountClientId ? client : find(clientId));
};

/** The request that asks for a session. Its code is never exchanged: nobody knows the verifier. */
export const buildSignInAddress = (issuer: string): string => {
  const codeChallenge = createHash('sha256').update(randomBytes(32)).digest('base64url');
  return `${issuer}${paths.authorization}?${new URLSearchParams({
    client_id: accountClientId,
    response_type: 'code',
    redirect_uri: `${issuer}${signedInPath}`,
    scope: 'openid',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
  })}`;
};
