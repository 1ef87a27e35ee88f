import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { pino } from 'pino';
import { Pool } from 'undici';
import { afterEach, expect, it, vi } from 'vitest';
import type { PeerTarget } from '../../shared/peer-address.ts';
import { createRevocationFeedFollower } from './revocation-feed.ts';
import type { RevocationLine } from './revocation-lines.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** A token-store that answers as told; notes what it was asked for. */
const startStore = async (answer: (response: ServerResponse) => void) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const dispatcher = new Pool(origin);
  endings.push(async () => {
    await dispatcher.destroy();
    server.closeAllConnections();
    server.close();
  });
  const failures: unknown[] = [];
  const target: PeerTarget = {
    origin,
    dispatcher,
    succeeded: () => undefined,
    failed: (error) => failures.push(error),
  };
  return { target, asked, failures };
};

const lines: RevocationLine[] = [
  { type: 'begin', database: 'd:1', resumed: false },
  { type: 'entries', entries: [], clientEpochs: [['shop', 1]], cursor: '7', ageMilliseconds: 0 },
  { type: 'ready', cursor: '7', ageMilliseconds: 0 },
];
const write = (response: ServerResponse, ...list: RevocationLine[]) => {
  for (const line of list) response.write(`${JSON.stringify(line)}\n`);
};

it('leaves a token-store that is silent, one that refuses and one that talks nonsense, and goes on where it was', async () => {
  const silent = await startStore((response) => write(response, ...lines));
  const refusing = await startStore((response) => response.writeHead(503).end());
  const confused = await startStore((response) => response.end('{"type":"other"}\n'));
  const good = await startStore((response) => {
    write(
      response,
      { type: 'begin', database: 'd:1', resumed: true },
      { type: 'ready', cursor: '9', ageMilliseconds: 0 },
    );
    write(response, { type: 'entries', entries: [], clientEpochs: [['mail', 2]], cursor: '9', ageMilliseconds: 0 });
  });
  const stores = [silent, refusing, confused, good];
  let turn = 0;
  const stop = new AbortController();
  const follower = createRevocationFeedFollower({
    pool: { targets: async () => [stores[Math.min(turn++, 3)]?.target ?? silent.target] },
    signal: stop.signal,
    logger: pino({ level: 'silent' }),
  });
  const running = follower.run();
  endings.push(async () => {
    stop.abort();
    await running;
  });
  await vi.waitFor(() => expect(follower.isReady()).toBe(true), { timeout: 5_000 });
  expect(follower.clientEpoch('shop')).toBe(1);
  await vi.waitFor(() => expect(follower.clientEpoch('mail')).toBe(2), { timeout: 30_000 });
  expect(follower.clientEpoch('shop')).toBe(1);
  expect(silent.asked).toEqual(['/v1/revocations/feed']);
  expect(good.asked[0]).toBe('/v1/revocations/feed?database=d%3A1&cursor=7');
  expect([silent, refusing, confused].map(({ failures }) => failures.length)).toEqual([1, 1, 1]);
});
