import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { buildConnector } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { createPeerPool, PeerConnectError, type PeerPool } from './peer-pool.ts';

const logger = pino({ level: 'silent' });

// Loopback has a whole network of addresses: each is a pod, all on one port, as behind a headless name.
describe('peer pool', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) {
      await cleanup();
    }
  });

  const listen = async (address: string, port: number, server: Server): Promise<number> => {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
    cleanups.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return (server.address() as AddressInfo).port;
  };
  const answering = (text: string, seen: string[] = []) =>
    createServer((request, response) => {
      seen.push(text);
      request.resume().on('end', () => response.end(text));
    });
  /** Takes the request and then cuts the connection. */
  const cutting = (seen: string[]) =>
    createServer((request) => {
      seen.push('cut');
      request.resume().on('end', () => request.socket.destroy());
    });
  // The pool speaks https to its peers; what these tests are about is below TLS.
  const plain: buildConnector.connector = (() => {
    const connect = buildConnector({ timeout: 1_000 });
    return (options, callback) => connect({ ...options, protocol: 'http:' }, callback);
  })();
  const poolOf = (addresses: string[], port: number, options: { fallbackHost?: string; clock?: () => number } = {}) => {
    const pool = createPeerPool({
      peer: { headlessHost: 'auth.test', fallbackHost: options.fallbackHost ?? '127.0.0.99', port },
      connect: plain,
      logger,
      resolve: async () => addresses,
      answerTimeoutMilliseconds: 500,
      ...(options.clock ? { clock: options.clock } : {}),
    });
    cleanups.push(() => pool.close());
    return pool;
  };
  const send = async (pool: PeerPool, method: 'GET' | 'POST', idempotent = method === 'GET') =>
    (
      await pool.request({ method, path: '/', idempotent, ...(method === 'POST' ? { body: 'x' } : {}) })
    ).body.toString();

  it('balances over all addresses', async () => {
    const port = await listen('127.0.0.2', 0, answering('two'));
    await listen('127.0.0.3', port, answering('three'));
    const pool = poolOf(['127.0.0.2', '127.0.0.3'], port);
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(pool, 'POST')));
    expect(answers.filter((answer) => answer === 'two')).toHaveLength(5);
  });

  it('sends a POST elsewhere when an address refuses, and ejects that address', async () => {
    const port = await listen('127.0.0.2', 0, answering('two'));
    let now = 1_000_000;
    const pool = poolOf(['127.0.0.2', '127.0.0.3'], port, { clock: () => now });
    for (let index = 0; index < 6; index += 1) {
      expect(await send(pool, 'POST')).toBe('two');
    }
    const firsts = async () => new Set([(await pool.targets())[0]?.origin, (await pool.targets())[0]?.origin]);
    expect([...(await firsts())]).toEqual([`https://127.0.0.2:${port}`]);
    now += 2_001;
    expect((await firsts()).size).toBe(2);
  });

  it('sends a POST once when it may have been taken, and a GET again', async () => {
    const seen: string[] = [];
    const port = await listen('127.0.0.2', 0, cutting(seen));
    await listen('127.0.0.3', port, cutting(seen));
    await listen('127.0.0.99', port, answering('fallback', seen));
    const pool = poolOf(['127.0.0.2', '127.0.0.3'], port);
    await expect(send(pool, 'POST')).rejects.toThrow();
    expect(seen).toEqual(['cut']);
    expect(await send(pool, 'GET')).toBe('fallback');
    expect(seen).toEqual(['cut', 'cut', 'fallback']);
  });

  it('goes elsewhere, when it may, if an address takes requests and is silent', async () => {
    const port = await listen(
      '127.0.0.2',
      0,
      createServer(() => undefined),
    );
    await listen('127.0.0.99', port, answering('fallback'));
    expect(await send(poolOf(['127.0.0.2'], port), 'GET')).toBe('fallback');
  });

  it('falls back to the ClusterIP when none accepts', async () => {
    const port = await listen('127.0.0.99', 0, answering('fallback'));
    expect(await send(poolOf(['127.0.0.2', '127.0.0.3'], port), 'POST')).toBe('fallback');
  });

  it('says that nothing was sent when nobody accepts', async () => {
    const port = await listen('127.0.0.50', 0, answering('other'));
    await expect(send(poolOf(['127.0.0.2'], port), 'POST')).rejects.toBeInstanceOf(PeerConnectError);
  });

  it('follows the name to other addresses', async () => {
    const port = await listen('127.0.0.2', 0, answering('two'));
    await listen('127.0.0.3', port, answering('three'));
    const addresses = ['127.0.0.2'];
    let now = 1_000_000;
    const pool = poolOf(addresses, port, { clock: () => now });
    expect(await send(pool, 'POST')).toBe('two');
    addresses.splice(0, 1, '127.0.0.3');
    now += 1_001;
    // The first one starts the look-up and does not wait for it.
    await send(pool, 'POST');
    expect(await send(pool, 'POST')).toBe('three');
  });
});
