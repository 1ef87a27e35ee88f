import type { RecordKind } from '../../token-store/contract.ts';
import type { AuthSettings } from '../settings.ts';

/** How long an unfinished sign-in waits for its person, seconds. */
export const interactionSeconds = 3600;

/** A device's code, and with it the code that a person types, seconds. */
export const deviceCodeSeconds = 600;

/**
 * Kept beyond the end that its payload tells the library, so that it is found and refused for the right reason: a pushed
 * request is used up at the end of a sign-in that may take far longer than itself, and a device is to hear that its code
 * has expired. Seconds.
 */
const keptLonger: Partial<Record<RecordKind, number>> = {
  pushed_authorization_request: interactionSeconds,
  device_code: deviceCodeSeconds,
};

/** How long a record is kept for which the library wants `expiresIn`, seconds; without an end it would stay for ever. */
export const keptSeconds = (kind: RecordKind, expiresIn: number | undefined): number =>
  atLeastOne(expiresIn ?? 1) + (keptLonger[kind] ?? 0);

const atLeastOne = (seconds: number): number => Math.max(1, Math.floor(seconds));

/** Idle time from now on, but never beyond the absolute one since the person signed in. All in seconds. */
export const sessionSeconds = (
  { idleSeconds, absoluteSeconds }: AuthSettings['session'],
  { signedInAt, now }: { signedInAt: number | undefined; now: number },
): number => atLeastOne(Math.min(idleSeconds, (signedInAt ?? now) + absoluteSeconds - now));

/** Slides with each rotation, but never beyond the absolute end of the first token of the family. All in seconds. */
export const refreshTokenSeconds = (
  { refreshTokenSeconds: sliding, refreshTokenAbsoluteSeconds: absolute }: AuthSettings['tokens'],
  { firstIssuedAt, now }: { firstIssuedAt: number; now: number },
): number => atLeastOne(Math.min(sliding, firstIssuedAt + absolute - now));

/** A family outlives the last refresh token of a code that the session's last moment may still bring. Seconds. */
export const grantSeconds = ({ tokens, session }: Pick<AuthSettings, 'tokens' | 'session'>): number =>
  session.absoluteSeconds + tokens.authorizationCodeSeconds + tokens.refreshTokenAbsoluteSeconds;
