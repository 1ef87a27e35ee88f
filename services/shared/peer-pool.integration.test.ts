import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { pino } from 'pino';
import { buildConnector } from 'undici';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PeerConnectError } from './peer-connect-error.ts';
import { createPeerPool, type PeerPool } from './peer-pool.ts';

const logger = pino({ level: 'silent' });

/** Longer than any test: whatever waits for a connection to a dead address does not end in time. */
const connectTimeoutMilliseconds = 300_000;

// The pool speaks https to its peers; what these tests are about is below TLS.
const plain: buildConnector.connector = (() => {
  const connect = buildConnector({ timeout: connectTimeoutMilliseconds });
  return (options, callback) => connect({ ...options, protocol: 'http:' }, callback);
})();

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
  const answering = (text: string, seen: string[] = [], headers: Record<string, string> = {}) =>
    createServer((request, response) => {
      seen.push(text);
      request.resume().on('end', () => response.writeHead(200, headers).end(text));
    });
  /** Takes the request and then cuts the connection. */
  const cutting = (seen: string[]) =>
    createServer((request) => {
      seen.push('cut');
      request.resume().on('end', () => request.socket.destroy());
    });
  const waitForOutput = (child: ChildProcess): Promise<unknown> =>
    child.stdout === null ? Promise.reject(new Error('no output')) : once(child.stdout, 'data');
  /** An address that swallows every packet: somebody listens who accepts nothing, and his queue is full. */
  const startBlackHole = async (address: string, port: number): Promise<void> => {
    const program = `require('node:net').createServer().listen({ host: '${address}', port: ${port}, backlog: 1 }, () => {
      require('node:fs').writeSync(1, 'listening');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    })`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    cleanups.push(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    await waitForOutput(child);
    // Linux keeps one more than the backlog says.
    for (const _place of [1, 2]) {
      const socket = connectSocket(port, address).on('error', () => undefined);
      cleanups.push(async () => socket.destroy());
      await once(socket, 'connect');
    }
  };
  const poolOf = (
    addresses: string[],
    port: number,
    options: { fallbackHost?: string; clock?: () => number; connect?: buildConnector.connector } = {},
  ) => {
    const pool = createPeerPool({
      peer: { headlessHost: 'auth.test', fallbackHost: options.fallbackHost ?? '127.0.0.99', port },
      connect: plain,
      logger,
      resolve: async () => addresses,
      answerTimeoutMilliseconds: 500,
      ...options,
    });
    cleanups.push(() => pool.close());
    return pool;
  };
  /** Counts the connections that are asked for, by host. */
  const counting = (connect: buildConnector.connector = plain) => {
    const counts: Record<string, number> = {};
    const counted: buildConnector.connector = (options, callback) => {
      counts[options.hostname] = (counts[options.hostname] ?? 0) + 1;
      connect(options, callback);
    };
    return { counts, connect: counted };
  };
  const send = async (pool: PeerPool, method: 'GET' | 'POST', idempotent = method === 'GET') =>
    (
      await pool.request({ method, path: '/', idempotent, ...(method === 'POST' ? { body: 'x' } : {}) })
    ).body.toString();
  const sendMany = async (pool: PeerPool, count: number): Promise<string[]> => {
    const answers: string[] = [];
    while (answers.length < count) answers.push(await send(pool, 'POST'));
    return answers;
  };
  const waitFor = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

  it('balances over all addresses', async () => {
    const port = await listen('127.0.0.2', 0, answering('two'));
    await listen('127.0.0.3', port, answering('three'));
    const pool = poolOf(['127.0.0.2', '127.0.0.3'], port);
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(pool, 'POST')));
    expect(answers.filter((answer) => answer === 'two')).toHaveLength(5);
  });

  it('sends a POST elsewhere when an address refuses, and comes back once it accepts', async () => {
    const port = await listen('127.0.0.2', 0, answering('two'));
    const pool = poolOf(['127.0.0.2', '127.0.0.3'], port);
    expect(await sendMany(pool, 6)).toEqual(Array(6).fill('two'));
    expect((await pool.targets()).map(({ origin }) => new URL(origin).hostname)).toEqual([
      '127.0.0.2',
      '127.0.0.99',
      '127.0.0.3',
    ]);
    await listen('127.0.0.3', port, answering('three'));
    await waitFor(async () => expect(await send(pool, 'POST')).toBe('three'));
  });

  it('makes no request wait for an address that takes no connection', async () => {
    const port = await listen('127.0.0.2', 0, answering('two'));
    await startBlackHole('127.0.0.3', port);
    const { counts, connect } = counting();
    const pool = poolOf(['127.0.0.2', '127.0.0.3'], port, { connect });
    expect(await sendMany(pool, 30)).toEqual(Array(30).fill('two'));
    // The probe, and a request that came before anything was known.
    expect(counts['127.0.0.3']).toBeLessThanOrEqual(2);
  });

  it('goes on to the ClusterIP when no address takes a connection, and no request waits for another', async () => {
    const port = await listen('127.0.0.99', 0, answering('fallback'));
    await startBlackHole('127.0.0.2', port);
    await startBlackHole('127.0.0.3', port);
    const pool = poolOf(['127.0.0.2', '127.0.0.3'], port);
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(pool, 'POST')));
    expect(answers).toEqual(Array(20).fill('fallback'));
  });

  it('makes connections side by side, also the first ones', async () => {
    const port = await listen('127.0.0.99', 0, answering('fallback'));
    // None stands before all five have been asked for.
    const asked: (() => void)[] = [];
    const pool = poolOf(['127.0.0.2'], port, {
      connect: (options, callback) => {
        if (options.hostname !== '127.0.0.99') return plain(options, callback);
        asked.push(() => plain(options, callback));
        if (asked.length === 5) for (const go of asked) go();
      },
    });
    const answers = await Promise.all(Array.from({ length: 5 }, () => send(pool, 'POST')));
    expect(answers).toEqual(Array(5).fill('fallback'));
  });

  it('uses a new address once a connection to it stands that no request waited for', async () => {
    const seen: string[] = [];
    const port = await listen('127.0.0.2', 0, answering('two', seen));
    await listen('127.0.0.3', port, answering('three', seen));
    const held: (() => void)[] = [];
    const { counts, connect } = counting((options, callback) => {
      if (options.hostname === '127.0.0.3') held.push(() => plain(options, callback));
      else plain(options, callback);
    });
    const addresses = ['127.0.0.2'];
    let now = 1_000_000;
    const pool = poolOf(addresses, port, { connect, clock: () => now });
    await send(pool, 'POST');
    addresses.push('127.0.0.3');
    now += 1_001;
    await waitFor(async () => {
      expect(await send(pool, 'POST')).toBe('two');
      expect(held).toHaveLength(1);
    });
    expect(await sendMany(pool, 20)).toEqual(Array(20).fill('two'));
    expect(counts['127.0.0.3']).toBe(1);
    held[0]?.();
    await waitFor(async () => expect(await send(pool, 'POST')).toBe('three'));
    // The connection that stood is the one that was used.
    expect(counts['127.0.0.3']).toBe(1);
  });

  it('keeps a connection that stood too late for its request', async () => {
    const port = await listen('127.0.0.2', 0, answering('two'));
    await listen('127.0.0.99', port, answering('fallback'));
    const held: (() => Promise<void>)[] = [];
    const { counts, connect } = counting((options, callback) => {
      if (options.hostname !== '127.0.0.2') return plain(options, callback);
      held.push(
        () =>
          new Promise((resolve) => {
            plain(options, (...answer) => {
              callback(...answer);
              resolve();
            });
          }),
      );
    });
    const pool = poolOf(['127.0.0.2'], port, { connect });
    expect(await send(pool, 'POST')).toBe('fallback');
    await Promise.all(held.map((go) => go()));
    expect(await sendMany(pool, 5)).toEqual(Array(5).fill('two'));
    // The request's own, and the probe's.
    expect(counts['127.0.0.2']).toBe(2);
  });

  it('leaves an address that asks for it, and uses it as long as there is no other', async () => {
    const seen: string[] = [];
    const port = await listen('127.0.0.2', 0, answering('two', seen, { Connection: 'close' }));
    const pool = poolOf(['127.0.0.2', '127.0.0.3'], port);
    expect(await sendMany(pool, 5)).toEqual(Array(5).fill('two'));
    await listen('127.0.0.3', port, answering('three', seen));
    await waitFor(async () => expect(await send(pool, 'POST')).toBe('three'));
    expect(await sendMany(pool, 20)).toEqual(Array(20).fill('three'));
  });

  it('tries no more than four addresses at once beside the requests', async () => {
    const port = await listen('127.0.0.99', 0, answering('fallback'));
    const { counts, connect } = counting((options, callback) => {
      // Silence, as of addresses that nobody has.
      if (options.hostname === '127.0.0.99') plain(options, callback);
    });
    const addresses = Array.from({ length: 20 }, (_, index) => `127.0.1.${index + 1}`);
    const pool = poolOf(addresses, port, { connect });
    await pool.targets();
    await waitFor(() => expect(Object.keys(counts)).toHaveLength(4));
    expect(await send(pool, 'POST')).toBe('fallback');
    // The request itself has tried three.
    const { '127.0.0.99': _fallback, ...tried } = counts;
    expect(Object.values(tried).reduce((sum, count) => sum + count, 0)).toBe(4 + 3);
  });

  it('closes the connections that nobody uses when it ends', async () => {
    const server = answering('two');
    const port = await listen('127.0.0.2', 0, server);
    const pool = poolOf(['127.0.0.2'], port);
    const open = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    await pool.targets();
    await waitFor(async () => expect(await open()).toBe(1));
    await pool.close();
    await waitFor(async () => expect(await open()).toBe(0));
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
