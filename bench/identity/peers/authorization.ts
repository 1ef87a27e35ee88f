import * as client from 'openid-client';
import type { Page } from '../../../services/auth/testing/browser.ts';

const redirectUri = 'https://shop.example/callback';

/** An authorization request with PKCE, and what its code is exchanged with. */
export const authorize = async (endpoint: string, clientId: string, scope: string) => {
  const verifier = client.randomPKCECodeVerifier();
  const url = new URL(endpoint);
  url.search = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    scope,
    redirect_uri: redirectUri,
    state: client.randomState(),
    nonce: client.randomNonce(),
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString();
  return { url, exchange: { grant_type: 'authorization_code', redirect_uri: redirectUri, code_verifier: verifier } };
};

/** The code that the browser came back to the application with. */
export const codeOf = ({ url, status, html }: Page): string => {
  const code = url.searchParams.get('code');
  if (code === null) throw new Error(`no code at ${url.href}: ${status} ${html.slice(0, 300)}`);
  return code;
};
