import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { expect, onTestFinished, test } from 'vitest';
import { createKubernetesConnection } from './kubernetes-connection.ts';
import { createKubernetesTransport } from './kubernetes-transport.ts';
import { FakeClock } from './testing/fake-clock.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** What an API server does rarely, on demand: a plain HTTP server in its place. */
const start = async (handler: Handler, maxInFlight = 4) => {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A TCP server that listens on a port has such an address.
  const { port } = server.address() as AddressInfo;
  let tokens = 0;
  const kubeConfig = new KubeConfig();
  kubeConfig.addAuthenticator({
    isAuthProvider: () => true,
    applyAuthentication: async (_, options) => {
      tokens += 1;
      Object.assign(options.headers ?? {}, { Authorization: `Bearer token-${tokens}` });
    },
  });
  kubeConfig.loadFromClusterAndUser(
    { name: 'fake', server: `http://127.0.0.1:${port}/prefix/`, skipTLSVerify: true },
    { name: 'user' },
  );
  const clock = new FakeClock();
  const transport = createKubernetesTransport({
    connection: createKubernetesConnection(kubeConfig, clock),
    userAgent: 'transport-test',
    maxInFlight,
    clock,
    observeRequest: () => undefined,
  });
  onTestFinished(async () => {
    await transport.close();
    server.close();
  });
  return { transport, clock };
};

const request = { method: 'GET', path: '/api/v1/nodes', confidential: false } as const;

const answer = (response: ServerResponse, status: number, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end('{}');
};

test('waits as long as a busy server asks and tries again', async () => {
  let requests = 0;
  const { transport, clock } = await start((_, response) => {
    requests += 1;
    answer(response, requests <= 2 ? 429 : 200, { 'retry-after': '3' });
  });
  const sent = transport.send(request);
  await expect.poll(() => clock.pending).toBe(1);
  await clock.advance(2_999);
  expect(requests).toBe(1);
  await clock.advance(1);
  await expect.poll(() => requests).toBe(2);
  await expect.poll(() => clock.pending).toBe(1);
  await clock.advance(3_000);
  expect(await sent).toEqual({});
});

test('a server that stays busy is given up, and an eviction is not repeated', async () => {
  let requests = 0;
  const { transport, clock } = await start((_, response) => {
    requests += 1;
    answer(response, 429);
  });
  const asAnswer = transport.send({ ...request, method: 'POST', tooManyRequests: 'answer' });
  await expect(asAnswer).rejects.toMatchObject({ status: 429 });
  expect(requests).toBe(1);
  const sent = expect(transport.send(request)).rejects.toMatchObject({ reason: 'TooManyRequests' });
  for (let tries = 1; tries < 5; tries += 1) {
    await expect.poll(() => clock.pending).toBe(1);
    await clock.advance(1_000);
  }
  await sent;
  expect(requests).toBe(6);
});

test('credentials are kept for a while, and asked anew when the server refuses them', async () => {
  const seen: string[] = [];
  let accepted = 'Bearer token-1';
  const { transport } = await start((incoming, response) => {
    const { authorization = '' } = incoming.headers;
    seen.push(authorization);
    answer(response, authorization === accepted ? 200 : 401);
  });
  await transport.send(request);
  await transport.send(request);
  accepted = 'Bearer token-2';
  await transport.send(request);
  expect(seen).toEqual(['Bearer token-1', 'Bearer token-1', 'Bearer token-1', 'Bearer token-2']);
  accepted = 'Bearer of nobody';
  await expect(transport.send(request)).rejects.toMatchObject({ reason: 'Unauthorized' });
});

test('keeps the path of the server, the limit in flight, and lets urgent ones pass', async () => {
  const held: ServerResponse[] = [];
  const urls: string[] = [];
  const { transport } = await start((incoming, response) => {
    urls.push(incoming.url ?? '');
    if (incoming.url?.endsWith('urgent')) answer(response, 200);
    else held.push(response);
  }, 2);
  const sent = [1, 2, 3].map(() => transport.send(request));
  await expect.poll(() => held.length).toBe(2);
  await transport.send({ ...request, path: '/urgent', urgent: true });
  expect(held).toHaveLength(2);
  for (const response of held.splice(0)) answer(response, 200);
  await expect.poll(() => held.length).toBe(1);
  for (const response of held) answer(response, 200);
  await Promise.all(sent);
  expect(urls[0]).toBe('/prefix/api/v1/nodes');
});

test('an aborted request ends with the reason of the abort', async () => {
  const { transport } = await start(() => undefined);
  const abort = new AbortController();
  const sent = transport.send({ ...request, signal: abort.signal });
  const reason = new Error('no longer wanted');
  abort.abort(reason);
  await expect(sent).rejects.toBe(reason);
});
