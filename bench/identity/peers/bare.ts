import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { createBrowser, createSend } from '../../../services/auth/testing/browser.ts';
import { findFreePort } from '../../../services/shared/testing/free-port.ts';
import { createTokenClient, refreshTokenOf } from '../token-client.ts';
import { createTokenFlows } from '../token-flows.ts';
import { authorize, codeOf } from './authorization.ts';
import { connectTo, type PeerStart, startServer } from './peer.ts';

const issuer = 'https://id.shop.example';

/** oidc-provider alone, in memory: whatever auth does beside it costs what is above this. */
export const startBareProvider: PeerStart = async ({ callers, env }) => {
  const [port, secret] = [await findFreePort(), randomBytes(32).toString('base64url')];
  const program = path.join(import.meta.dirname, 'bare-provider.ts');
  const server = await startServer([process.execPath, program, String(port), secret], {
    env,
    port,
    path: '/.well-known/openid-configuration',
  });
  const connections = connectTo(port, callers);
  const send = createSend(connections, () => [port], 'http');
  const client = createTokenClient({
    connections,
    clientId: 'shop',
    secret,
    tokenPath: '/token',
    introspection: { connections, path: '/token/introspection' },
  });
  /** Its pages take any name, and then ask for consent. */
  const signIn = async (name: string) => {
    const request = await authorize(`${issuer}/auth`, 'shop', 'openid email');
    const browser = createBrowser(issuer, send);
    const asked = await browser.submit(await browser.open(request.url), { login: name, password: name });
    return client.requestTokens({ ...request.exchange, code: codeOf(await browser.submit(asked, {})) });
  };
  // It refuses JWTs at introspection.
  const flows = createTokenFlows({
    client,
    signIn: (number) => signIn(`person-${number}`),
    introspected: refreshTokenOf,
  });
  return {
    flows,
    cpuSeconds: server.cpuSeconds,
    memoryMib: server.memoryMib,
    stop: async () => {
      await connections.close();
      await server.stop();
    },
  };
};
