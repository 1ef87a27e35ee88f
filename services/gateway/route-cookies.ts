import { isIssuerCookie } from '../shared/contracts/issuer-cookies.ts';
import type { HeaderList } from './forwarded-headers.ts';

/** Browsers trim names, and send a cookie without one as its bare value, which then reads as a name. */
const isOfIssuer = (cookie: string): boolean => {
  const [name = ''] = cookie.replace(/^[=\s]+/, '').split(/[=;]/);
  return isIssuerCookie(name.trim());
};

const withoutIssuerCookies = (value: string): string =>
  value
    .split(';')
    .filter((cookie) => !isOfIssuer(cookie))
    .join(';')
    .trim();

/** Keeps from a route's service the cookies that auth knows a browser by: with them it could sign in as its user. */
export const stripIssuerCookies = (headers: HeaderList): HeaderList => {
  const kept: HeaderList = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const [name = '', value = ''] = headers.slice(index, index + 2);
    const passed = name.toLowerCase() === 'cookie' ? withoutIssuerCookies(value) : value;
    if (passed !== '' || value === '') {
      kept.push(name, passed);
    }
  }
  return kept;
};

/** Keeps a route's service from setting those cookies: it could sign a browser in as somebody else. */
export const dropIssuerSetCookies = (
  headers: Record<string, string | string[] | undefined>,
): Record<string, string | string[] | undefined> => {
  const { 'set-cookie': cookies, ...others } = headers;
  const kept = [cookies ?? []].flat().filter((cookie) => !isOfIssuer(cookie));
  return kept.length === 0 ? others : { ...others, 'set-cookie': kept };
};
