import type { Request } from 'express';
import { issuerCookies } from '../../shared/contracts/issuer-cookies.ts';
import { issuerRoot } from '../../shared/contracts/issuer-paths.ts';
import type { EmailAddress } from '../accounts/email-address.ts';
import { issuerPath } from '../provider/issuer.ts';
import { deviceSeconds, findKnownDevice, rememberDevice } from './device-cookie.ts';

/** By what a device is known that has signed in before. */
export type DeviceCookies = {
  /** Id of the device, when it has signed in to the account of this address. */
  find(request: Pick<Request, 'headers'>, email: EmailAddress): string | undefined;
  /** `Set-Cookie` for a device that has just signed in. */
  remember(request: Pick<Request, 'headers'>, email: EmailAddress): string;
};

const readCookie = ({ headers }: Pick<Request, 'headers'>): string | undefined =>
  headers.cookie
    ?.split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${issuerCookies.device}=`))
    ?.slice(issuerCookies.device.length + 1);

/** @param options `now` in epoch seconds */
export const createDeviceCookies = (options: {
  settings: { issuer: string };
  cookieKeys: readonly string[];
  now: () => number;
}): DeviceCookies => {
  const { settings, cookieKeys, now } = options;
  const path = `${issuerPath(settings.issuer)}${issuerRoot}`;
  return {
    find: (request, email) => findKnownDevice(cookieKeys, readCookie(request), { email, now: now() }),
    remember: (request, email) => {
      const value = rememberDevice(cookieKeys, readCookie(request), { email, now: now() });
      return `${issuerCookies.device}=${value}; Path=${path}; Max-Age=${deviceSeconds}; Secure; HttpOnly; SameSite=Lax`;
    },
  };
};
