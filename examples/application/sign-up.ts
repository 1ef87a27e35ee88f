import { type Browser, createBrowser, type Page } from '../../services/auth/testing/browser.ts';
import { finishSignIn, type RelyingParty, startSignIn, type Tokens } from './relying-party.ts';

export type Person = { readonly email: string; readonly password: string; readonly name: string };

/** A browser without script that goes where the application's own requests go, and stops where the issuer ends. */
export const createScriptlessBrowser = ({ issuer, fetch: send }: Pick<RelyingParty, 'issuer' | 'fetch'>): Browser =>
  createBrowser(issuer, (url, init) => send(url, { ...init, redirect: 'manual' }));

const findRegistration = (page: Page): URL => {
  const [, link] = /href="([^"]+\/register)"/.exec(page.html) ?? [];
  if (link === undefined) throw new Error(`${page.url.pathname} (status ${page.status}) offers no registration`);
  return new URL(link, page.url);
};

const assertAtApplication = ({ redirectUri }: RelyingParty, { url, status }: Page): void => {
  if (url.origin === new URL(redirectUri).origin) return;
  throw new Error(`the sign-in ended at ${url.pathname} (status ${status}) instead of the application`);
};

/** Confirms the address by the link of a mail, in whatever browser, with the password. */
const confirmAddress = async (browser: Browser, { password }: Person, link: string): Promise<void> => {
  const confirmed = await browser.submit(await browser.open(link), { password });
  if (confirmed.status !== 200) throw new Error(`the address was not confirmed (status ${confirmed.status})`);
};

/**
 * A new person signs up and in by the pages. Where addresses are confirmed, `findLink` finds the link of the mail. With an address that has an account nothing is made: the sign-in that follows
 * is to that account, if the password is right.
 */
export const signUpAndIn = async (
  party: RelyingParty,
  person: Person,
  { scope, findLink }: { scope?: string; findLink?: (email: string) => Promise<string> } = {},
): Promise<Tokens> => {
  const browser = createScriptlessBrowser(party);
  const { url, checks } = await startSignIn(party, scope);
  const registration = await browser.open(findRegistration(await browser.open(url)));
  const signInPage = await browser.submit(registration, person);
  if (findLink !== undefined) await confirmAddress(browser, person, await findLink(person.email));
  const callback = await browser.submit(signInPage, { email: person.email, password: person.password });
  assertAtApplication(party, callback);
  return finishSignIn(party, callback.url, checks);
};

/** A person with an account signs in by the pages, in a browser of their own. */
export const signInByPages = async (
  party: RelyingParty,
  { email, password }: Omit<Person, 'name'>,
  scope?: string,
): Promise<Tokens> => {
  const browser = createScriptlessBrowser(party);
  const { url, checks } = await startSignIn(party, scope);
  const callback = await browser.submit(await browser.open(url), { email, password });
  assertAtApplication(party, callback);
  return finishSignIn(party, callback.url, checks);
};
