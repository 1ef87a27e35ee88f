import { SignJWT } from 'jose';
import type { SigningKeys } from '../keys/signing-key-files.ts';
import type { LogoutNotice } from './logout-notice.ts';

const lifetimeSeconds = 120;

export type SignLogoutToken = (notice: LogoutNotice, id: string) => Promise<string>;

/**
 * Logout tokens (OpenID Connect Back-Channel Logout 1.0, section 2.4). `jti` is the notice's id at each attempt, so that an
 * application which keeps those that it has seen does nothing twice.
 * @param subjectFor as whom the application knows the account
 * @param now epoch seconds
 */
export const createLogoutTokens =
  (
    issuer: string,
    { active }: SigningKeys,
    { subjectFor, now }: { subjectFor: (clientId: string, accountId: string) => string; now: () => number },
  ): SignLogoutToken =>
  ({ clientId, subject, sid }, id) =>
    new SignJWT({ sid, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })
      .setProtectedHeader({ alg: active.key.algorithm, kid: active.key.kid, typ: 'logout+jwt' })
      .setIssuer(issuer)
      .setAudience(clientId)
      .setSubject(subjectFor(clientId, subject))
      .setJti(id)
      .setIssuedAt(now())
      .setExpirationTime(now() + lifetimeSeconds)
      .sign(active.privateKey);
