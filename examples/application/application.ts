import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { IssuerFetch } from './issuer-connection.ts';
import { buildContentSecurityPolicy, buildFailurePage, buildHomePage, buildSignedOutPage } from './pages.ts';
import {
  type ApplicationRegistration,
  buildSignOutUrl,
  callServiceA,
  connectRelyingParty,
  finishSignIn,
  listServices,
  type RelyingParty,
  refreshTokens,
  startSignIn,
  type Tokens,
} from './relying-party.ts';
import { createSessions, type Session, type Sessions, type SessionTokens } from './sessions.ts';

/** The example application, in this process. */
export type Application = { readonly url: string; stop(): Promise<void> };

/** What a request gets: a page, or another address. */
type Answer = { readonly setCookie?: string } & (
  | { readonly status?: number; readonly page: string }
  | { readonly location: string }
);
type Visit = { readonly url: URL; readonly cookie: string | undefined; readonly session: Session | undefined };
type Handler = (visit: Visit) => Promise<Answer> | Answer;

const keepTokens = (session: Session, tokens: Tokens): void => {
  session.tokens = tokens;
  // A refresh need not bring a new one; the sign-out wants the last one.
  session.idToken = tokens.id_token ?? session.idToken;
};

/** Every address of the application, by method and path. */
const buildHandlers = (party: RelyingParty, sessions: Sessions): Readonly<Record<string, Handler>> => {
  const home: Answer = { location: '/' };
  /** Does something with the tokens of who is signed in; what goes wrong is the next page's notice. */
  const withTokens =
    (act: (session: Session, tokens: SessionTokens) => Promise<string>): Handler =>
    async ({ session }) => {
      if (session?.tokens === undefined) return home;
      session.notice = await act(session, session.tokens).catch((error: unknown) => String(error));
      return home;
    };

  return {
    'GET /': ({ session = {} }) => {
      const page = buildHomePage(party, session);
      session.notice = undefined;
      return { page };
    },
    'POST /sign-in': async ({ cookie }) => {
      // A session begins anew with each sign-in, so that nobody gets one that another person knows of.
      sessions.end(cookie);
      const { session, setCookie } = sessions.begin();
      const { url, checks } = await startSignIn(party);
      session.checks = checks;
      return { location: url.href, setCookie };
    },
    [`GET ${new URL(party.redirectUri).pathname}`]: async ({ session, url }) => {
      const checks = session?.checks;
      if (session === undefined || checks === undefined) {
        return {
          status: 400,
          page: buildFailurePage('No sign-in was begun in this browser, or it has ended already.'),
        };
      }
      session.checks = undefined;
      keepTokens(session, await finishSignIn(party, url, checks));
      return home;
    },
    'POST /call': withTokens(async (session, tokens) => {
      session.serviceAnswer = await callServiceA(party, tokens.access_token);
      const names = listServices(session.serviceAnswer).map(({ service }) => service.toUpperCase());
      return `Answered by ${names.join(', then ')}.`;
    }),
    'POST /refresh': withTokens(async (session, tokens) => {
      const { refresh_token: refreshToken } = tokens;
      if (refreshToken === undefined) return 'There is no refresh token: the client has no grant type for it.';
      keepTokens(session, await refreshTokens(party, refreshToken));
      return 'New tokens; the old refresh token is used up.';
    }),
    'POST /sign-out': ({ cookie, session }) => {
      sessions.end(cookie);
      return { location: buildSignOutUrl(party, session?.idToken).href };
    },
    'GET /signed-out': () => ({ page: buildSignedOutPage() }),
  };
};

const answerRequest = async (
  handlers: Readonly<Record<string, Handler>>,
  sessions: Sessions,
  { method = '', url: target = '/', headers }: IncomingMessage,
  origin: string,
): Promise<Answer> => {
  const handler = handlers[`${method} ${target.split('?')[0]}`];
  if (handler === undefined) return { status: 404, page: buildFailurePage('There is no such page.') };
  try {
    const url = new URL(target, origin);
    return await handler({ url, cookie: headers.cookie, session: sessions.find(headers.cookie) });
  } catch (error) {
    return { status: 502, page: buildFailurePage(error instanceof Error ? error.message : String(error)) };
  }
};

/**
 * An application at the origin of its redirect URI, to sign in to with a browser.
 * @throws when the issuer does not answer, or the port is in use (`EADDRINUSE`)
 */
export const startApplication = async (
  registration: ApplicationRegistration,
  send: IssuerFetch,
): Promise<Application> => {
  const party = await connectRelyingParty(registration, send);
  const { origin, hostname, port } = new URL(party.redirectUri);
  const sessions = createSessions();
  const handlers = buildHandlers(party, sessions);
  const commonHeaders = {
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'Content-Security-Policy': buildContentSecurityPolicy(party.issuer),
  };

  const server = createServer(async (request, response) => {
    const answer = await answerRequest(handlers, sessions, request, origin);
    const headers = { ...commonHeaders, ...(answer.setCookie !== undefined && { 'Set-Cookie': answer.setCookie }) };
    if ('location' in answer) response.writeHead(303, { ...headers, Location: answer.location }).end();
    else {
      response.writeHead(answer.status ?? 200, { ...headers, 'Content-Type': 'text/html; charset=utf-8' });
      response.end(answer.page);
    }
  });
  server.listen(Number(port), hostname);
  await once(server, 'listening');
  return {
    url: `${origin}/`,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};
