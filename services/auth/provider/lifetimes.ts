import type { AuthSettings } from '../settings.ts';

/** How long an unfinished sign-in waits for its person, seconds. */
export const interactionSeconds = 3600;

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
