import { createHash, randomBytes } from 'node:crypto';
import { createServer, get, type IncomingMessage, type RequestListener, request as startRequest } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../shared/testing/condition.ts';
import { proxy } from './proxy.ts';
import { exampleRoute } from './testing/example-route.ts';
import { type GatewayStage, listenOnLoopback, startGatewayStage, startUpstream } from './testing/gateway-stage.ts';
import { createUpstreams } from './upstreams.ts';

const megabyte = 1_048_576;

describe('the proxy', () => {
  let stage: GatewayStage;
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let handler: RequestListener;
  const agent = new Agent();

  const routes = () => {
    const route = { upstreamUrl: upstream.url, authentication: 'None' as const };
    return [
      exampleRoute({ ...route, name: 'all', pathPrefix: '/' }),
      exampleRoute({ ...route, name: 'hasty', pathPrefix: '/hasty', timeoutMilliseconds: 200 }),
      exampleRoute({ ...route, name: 'gone', pathPrefix: '/gone', upstreamUrl: 'http://127.0.0.1:1' }),
    ];
  };
  beforeAll(async () => {
    upstream = await startUpstream((incoming, response) => handler(incoming, response));
    stage = await startGatewayStage({ routes: routes() });
  });
  afterAll(async () => {
    await agent.destroy();
    await stage.stop();
    await upstream.stop();
  });
  beforeEach(() => {
    handler = (incoming, response) => {
      incoming.resume().on('end', () => response.end('ok'));
    };
  });

  const send = async (path: string, method = 'GET', body: string | Buffer | null = null) => {
    const answer = await request(`${stage.origin}${path}`, { method, body, dispatcher: agent });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };

  it('streams a large body up and down unchanged', async () => {
    handler = (incoming, response) => incoming.pipe(response);
    const sent = randomBytes(16 * megabyte);
    const { statusCode, body } = await request(`${stage.origin}/echo`, {
      method: 'PUT',
      body: sent,
      dispatcher: agent,
    });
    const received = Buffer.from(await body.arrayBuffer());
    expect(statusCode).toBe(200);
    expect(createHash('sha256').update(received).digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
  });

  it('passes on the first event of a stream that goes on', async () => {
    const open: (() => void)[] = [];
    handler = (_incoming, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('data: one\n\n');
      open.push(() => response.end('data: two\n\n'));
    };
    const { body } = await request(`${stage.origin}/events`, { dispatcher: agent });
    const chunks = body[Symbol.asyncIterator]();
    expect(String((await chunks.next()).value)).toBe('data: one\n\n');
    open[0]?.();
    expect(String((await chunks.next()).value)).toBe('data: two\n\n');
    expect((await chunks.next()).done).toBe(true);
  });

  it('passes on a head whose body is yet to come', async () => {
    const open: (() => void)[] = [];
    handler = (_incoming, response) => {
      response.flushHeaders();
      open.push(() => {
        response.end();
      });
    };
    const { statusCode, body } = await request(`${stage.origin}/events`, { dispatcher: agent });
    expect(statusCode).toBe(200);
    open[0]?.();
    await body.dump();
  });

  /** Writes up to 256 MiB as fast as they are taken, and tells how much that was once nothing more is. */
  const writeUntilHeld = async (stream: Writable): Promise<number> => {
    let written = 0;
    const more = () => {
      let ready = true;
      while (ready && written < 256 * megabyte) {
        ready = stream.write(Buffer.alloc(megabyte));
        written += megabyte;
      }
    };
    stream.on('drain', more);
    more();
    let last = -1;
    await eventually(async () => {
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return written === last;
    });
    return written;
  };

  it('holds an upstream back while its client does not read', async () => {
    let written: Promise<number> | undefined;
    handler = (_incoming, response) => {
      written = writeUntilHeld(response);
    };
    const client = await new Promise<IncomingMessage>((resolve) => get(`${stage.origin}/large`, resolve));
    client.pause();
    expect(await written).toBeLessThan(64 * megabyte);
    client.destroy();
  });

  it('holds a client back while its upstream does not read', async () => {
    handler = () => undefined;
    const client = startRequest(`${stage.origin}/large`, { method: 'PUT' });
    client.on('error', () => undefined);
    expect(await writeUntilHeld(client)).toBeLessThan(64 * megabyte);
    client.destroy();
  });

  it('cuts a client that does not read, with its answer under way or at its end', async () => {
    const { targets } = createUpstreams();
    const server = createServer((incoming, response) => {
      const exchange = {
        path: incoming.url ?? '/',
        headers: [],
        timeoutMilliseconds: 5_000,
        bodyLimit: 0,
        body: 'streamed' as const,
      };
      const upstreams = targets(exampleRoute({ upstreamUrl: upstream.url }));
      void proxy({ ...exchange, request: incoming, response, targets: upstreams, clientStallMilliseconds: 100 });
    });
    const port = await listenOnLoopback(server);
    for (const path of ['/endless', '/whole']) {
      let left = false;
      handler = (incoming, response) => {
        response.once('close', () => {
          left = true;
        });
        if (incoming.url === '/whole') {
          response.end(Buffer.alloc(16 * megabyte));
        } else {
          void writeUntilHeld(response);
        }
      };
      const client = connect(port, '127.0.0.1', () => client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
      client.on('error', () => undefined).pause();
      await eventually(() => left);
      await eventually(async () => (await promisify(server.getConnections.bind(server))()) === 0);
      client.destroy();
    }
    server.close();
  });

  it('takes no connection for a body that is wanted whole and comes slowly', async () => {
    const { targets } = createUpstreams();
    const outcomes: string[] = [];
    const server = createServer(async (incoming, response) => {
      const outcome = await proxy({
        request: incoming,
        response,
        targets: targets(exampleRoute({ upstreamUrl: upstream.url })),
        path: '/',
        headers: ['Content-Length', '6'],
        timeoutMilliseconds: incoming.url === '/hasty' ? 100 : 5_000,
        clientStallMilliseconds: 5_000,
        bodyLimit: 10,
        body: 'whole',
      });
      outcomes.push(outcome.kind);
      response.end();
    });
    let arrived = 0;
    handler = (incoming, response) => {
      arrived += 1;
      incoming.pipe(response);
    };
    const port = await listenOnLoopback(server);
    const begin = (path: string, length: number) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\nabc`);
      return socket.on('error', () => undefined);
    };
    const slow = begin('/', 6);
    const hasty = begin('/hasty', 6);
    await eventually(() => outcomes.length === 1);
    expect(outcomes).toEqual(['body_too_slow']);
    expect(arrived).toBe(0);
    slow.write('def');
    await eventually(() => outcomes.length === 2);
    expect(arrived).toBe(1);
    const leaving = begin('/', 6);
    await eventually(async () => (await promisify(server.getConnections.bind(server))()) === 3);
    leaving.destroy();
    await eventually(() => outcomes.length === 3);
    const large = begin('/', 20);
    large.write('x'.repeat(17));
    await eventually(() => outcomes.length === 4);
    expect(outcomes.slice(1)).toEqual(['answered', 'client_left', 'body_too_large']);
    expect(arrived).toBe(1);
    for (const socket of [slow, hasty, large]) {
      socket.destroy();
    }
    await promisify(server.close.bind(server))();
  });

  it('lets the upstream go when its client leaves in the middle of an answer', async () => {
    let begun = 0;
    let left = 0;
    handler = (_incoming, response) => {
      begun += 1;
      response.once('close', () => {
        left += response.writableFinished ? 0 : 1;
      });
      response.write(Buffer.alloc(megabyte));
    };
    const clients = await Promise.all(
      Array.from({ length: 80 }, async () => {
        const incoming = await new Promise<IncomingMessage>((resolve) =>
          get(`${stage.origin}/large`, { agent: false }, resolve),
        );
        await new Promise((resolve) => incoming.once('data', resolve));
        incoming.pause();
        return incoming;
      }),
    );
    expect(begun).toBe(80);
    for (const client of clients) {
      client.destroy();
    }
    await eventually(() => left === 80);
    handler = (_incoming, response) => response.end('ok');
    expect(await send('/')).toMatchObject({ status: 200, text: 'ok' });
  });

  it('lets the upstream go when its client leaves before the answer, or in the middle of its own body', async () => {
    let aborted = 0;
    handler = (incoming) => {
      incoming.resume().once('close', () => {
        aborted += 1;
      });
    };
    for (const head of [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc',
    ]) {
      const before = aborted;
      let arrived = false;
      const waiting = handler;
      handler = (incoming, response) => {
        arrived = true;
        waiting(incoming, response);
      };
      const socket = connect(Number(new URL(stage.origin).port), '127.0.0.1');
      socket.write(head);
      await eventually(() => arrived);
      socket.destroy();
      await eventually(() => aborted > before);
    }
  });

  it('cuts the client\u2019s answer when the upstream breaks off in the middle, so that it is not taken for whole', async () => {
    handler = (_incoming, response) => {
      response.write('half');
      setImmediate(() => response.destroy());
    };
    const { body } = await request(`${stage.origin}/`, { dispatcher: agent });
    await expect(body.text()).rejects.toThrow();
  });

  it('answers 504 when the upstream is too slow', async () => {
    handler = () => undefined;
    expect(await send('/hasty')).toMatchObject({ status: 504 });
    expect(await send('/hasty', 'POST', 'x')).toMatchObject({ status: 504 });
  });

  it('answers 504 while it still waits for a connection', async () => {
    const sockets: Socket[] = [];
    // Takes connections and never shakes hands.
    const mute = createTcpServer((socket) => sockets.push(socket.on('error', () => undefined)));
    const port = await listenOnLoopback(mute);
    stage.writeRoutes([
      ...routes(),
      exampleRoute({
        name: 'mute',
        pathPrefix: '/mute',
        upstreamUrl: `https://127.0.0.1:${port}`,
        authentication: 'None',
        timeoutMilliseconds: 100,
      }),
    ]);
    await eventually(async () => (await send('/mute')).status === 504);
    expect(sockets.some((socket) => !socket.closed)).toBe(true);
    for (const socket of sockets) {
      socket.destroy();
    }
    await new Promise((resolve) => mute.close(resolve));
  });

  it('answers 502 when nobody listens, and says why in the log alone', async () => {
    const { status, headers, text } = await send('/gone', 'POST', 'x');
    expect(status).toBe(502);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(text).not.toContain('ECONNREFUSED');
    await eventually(() => stage.log.some((line) => line.includes('"failure":"PEER_NOT_CONNECTED ECONNREFUSED"')));
  });

  it('answers 503 and when to come again while auth is away', async () => {
    const { status, headers } = await send('/oauth2/token', 'POST', 'grant_type=x');
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('1');
  });

  it.each([
    ['GET', null, 2, 200],
    ['DELETE', null, 2, 200],
    ['POST', null, 1, 502],
    ['POST', 'x', 1, 502],
    // Its body has gone out already, and is not kept.
    ['PUT', 'x', 1, 502],
  ] as const)('%s with body %s, cut off once, is tried %i times: %i', async (method, body, tries, status) => {
    let tried = 0;
    handler = (incoming, response) => {
      tried += 1;
      if (tried === 1) {
        incoming.resume().on('end', () => incoming.socket.destroy());
        return;
      }
      response.end('ok');
    };
    expect(await send('/', method, body)).toMatchObject({ status });
    expect(tried).toBe(tries);
  });

  it('tries a GET twice and no more', async () => {
    let tried = 0;
    handler = (incoming) => {
      tried += 1;
      incoming.socket.destroy();
    };
    expect(await send('/')).toMatchObject({ status: 502 });
    expect(tried).toBe(2);
  });

  it('keeps statuses without a body, HEAD and lengths as they are', async () => {
    handler = (incoming, response) => {
      response.statusCode = incoming.url === '/none' ? 204 : incoming.url === '/same' ? 304 : 200;
      response.setHeader('ETag', '"x"');
      if (incoming.method === 'HEAD') {
        response.setHeader('Content-Length', 5);
      }
      response.end();
    };
    expect(await send('/none')).toMatchObject({ status: 204, headers: { etag: '"x"' }, text: '' });
    expect(await send('/same')).toMatchObject({ status: 304, text: '' });
    expect(await send('/head', 'HEAD')).toMatchObject({ status: 200, headers: { 'content-length': '5' } });
  });

  it('goes on with a connection whose body nobody wanted', async () => {
    handler = (_incoming, response) => response.writeHead(401).end('no');
    const one = new Agent({ connections: 1 });
    for (let index = 0; index < 3; index += 1) {
      const { statusCode, body } = await request(`${stage.origin}/`, {
        method: 'POST',
        body: Buffer.alloc(megabyte),
        dispatcher: one,
      });
      expect(statusCode).toBe(401);
      await body.dump();
    }
    await one.close();
  });

  it('refuses a WebSocket, and ignores other upgrades', async () => {
    const status = (upgrade: string) =>
      new Promise<number | undefined>((resolve) => {
        get(`${stage.origin}/`, { headers: { Connection: 'Upgrade', Upgrade: upgrade }, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
      });
    expect(await status('websocket')).toBe(400);
    expect(await status('h2c')).toBe(200);
  });
});
