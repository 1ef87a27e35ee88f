import { randomBytes } from 'node:crypto';
import type { ServiceAnswer, SignInChecks, Tokens } from './relying-party.ts';

/** Of the tokens, what the application uses. */
export type SessionTokens = Pick<Tokens, 'access_token' | 'refresh_token' | 'claims'>;

/** What the application keeps of one browser. */
export type Session = {
  /** A sign-in that was begun. */
  checks?: SignInChecks | undefined;
  tokens?: SessionTokens | undefined;
  idToken?: string | undefined;
  serviceAnswer?: ServiceAnswer | undefined;
  /** One sentence for the next page. */
  notice?: string | undefined;
};

/** The sessions of all browsers, in memory. The cookie is a random name for one and says nothing by itself. */
export type Sessions = {
  find(cookieHeader: string | undefined): Session | undefined;
  /** Begins a new session; `setCookie` is the header for the browser. */
  begin(): { readonly session: Session; readonly setCookie: string };
  end(cookieHeader: string | undefined): void;
};

// Cookies do not tell ports apart: the name keeps other applications of this machine out.
const cookieName = 'example-application';

const readCookie = (header = ''): string | undefined =>
  header
    .split('; ')
    .find((pair) => pair.startsWith(`${cookieName}=`))
    ?.slice(cookieName.length + 1);

/** @param limit sessions that are kept; the oldest one goes first */
export const createSessions = (limit = 1_000): Sessions => {
  const sessions = new Map<string, Session>();
  const find = (header: string | undefined): Session | undefined => sessions.get(readCookie(header) ?? '');
  return {
    find,
    begin: () => {
      const [oldest] = sessions.keys();
      if (sessions.size >= limit && oldest !== undefined) sessions.delete(oldest);
      const id = randomBytes(24).toString('base64url');
      const session: Session = {};
      sessions.set(id, session);
      // Lax: the issuer sends the browser back by a link of its own, and no other site can post with it.
      return { session, setCookie: `${cookieName}=${id}; HttpOnly; SameSite=Lax; Path=/` };
    },
    end: (header) => {
      sessions.delete(readCookie(header) ?? '');
    },
  };
};
