import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { decodeJwt } from 'jose';
import {
  type Checks,
  callServiceA,
  connectRelyingParty,
  finishSignIn,
  type RelyingParty,
  startSignIn,
} from './relying-party.ts';

/** The example application, in this process. */
export type Application = { readonly url: string; stop(): Promise<void> };

const sendJson = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(`${JSON.stringify(body, undefined, 2)}\n`);
};

/**
 * An application that one signs in to with a browser: `/` leads to the sign-in page, the redirect URI shows the claims of
 * both tokens and what service A says to the access token.
 * @throws when its port is in use
 */
export const startApplication = async (client: Parameters<typeof connectRelyingParty>[0]): Promise<Application> => {
  const party: RelyingParty = await connectRelyingParty(client);
  const callback = new URL(party.redirectUri);
  const pending = new Map<string, Checks>();

  const begin = async (response: ServerResponse): Promise<void> => {
    const { url, checks } = await startSignIn(party);
    pending.set(checks.expectedState, checks);
    response.writeHead(303, { Location: url.href, 'Cache-Control': 'no-store' }).end();
  };
  const finish = async (response: ServerResponse, url: URL): Promise<void> => {
    const state = url.searchParams.get('state') ?? '';
    const checks = pending.get(state);
    pending.delete(state);
    if (checks === undefined) {
      sendJson(response, 400, { error: 'no sign-in was begun here with this state', again: callback.origin });
      return;
    }
    const tokens = await finishSignIn(party, url, checks);
    sendJson(response, 200, {
      idTokenClaims: tokens.claims(),
      accessTokenClaims: decodeJwt(tokens.access_token),
      serviceA: await callServiceA(party, tokens.access_token),
    });
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', callback.origin);
    const answer =
      url.pathname === callback.pathname
        ? finish(response, url)
        : url.pathname === '/'
          ? begin(response)
          : Promise.resolve(sendJson(response, 404, { error: 'not found' }));
    answer.catch((error: unknown) => sendJson(response, 502, { error: String(error) }));
  });
  try {
    server.listen(Number(callback.port), callback.hostname);
    await once(server, 'listening');
  } catch (error) {
    await party.close();
    throw error;
  }
  return {
    url: `${callback.origin}/`,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await party.close();
    },
  };
};
