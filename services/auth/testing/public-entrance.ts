import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCertificateAuthority } from '../../shared/testing/certificate-authority.ts';
import type { Send } from './browser.ts';

export type PublicEntrance = { port: number; stop(): Promise<void> };

/**
 * A stand-in for the gateway, for a real browser: HTTPS on loopback, the issuer's host goes to auth, every other host is
 * an application that shows where it was called.
 */
export const startPublicEntrance = async (issuer: string, send: Send): Promise<PublicEntrance> => {
  const { cert, key } = await (await createCertificateAuthority()).issueServer([new URL(issuer).host]);
  const server = createServer({ cert, key }, (request, response) => {
    const answer = async (): Promise<void> => {
      const url = new URL(request.url ?? '/', `https://${request.headers.host}`);
      if (url.host !== new URL(issuer).host) {
        response.setHeader('content-type', 'text/html; charset=utf-8');
        response.end(`<!doctype html><html lang="en"><title>Application</title><h1>Welcome</h1>`);
        return;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const hopByHop = new Set(['connection', 'host', 'content-length', 'transfer-encoding']);
      const headers = Object.entries(request.headers).filter(([name]) => !hopByHop.has(name));
      const upstream = await send(url, {
        method: request.method ?? 'GET',
        headers: headers.map(([name, value]): [string, string] => [name, String(value)]),
        ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
      });
      response.statusCode = upstream.status;
      for (const [name, value] of upstream.headers) {
        if (!['content-encoding', 'content-length', 'set-cookie', 'connection', 'keep-alive'].includes(name)) {
          response.setHeader(name, value);
        }
      }
      response.setHeader('set-cookie', upstream.headers.getSetCookie());
      response.end(Buffer.from(await upstream.arrayBuffer()));
    };
    answer().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // A TCP server that listens has an AddressInfo.
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
