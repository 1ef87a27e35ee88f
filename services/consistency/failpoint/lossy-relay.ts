import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP relay on whose way back everything gets lost now and then, though what was asked has arrived. */
export type LossyRelay = {
  readonly port: number;
  /**
   * From now on the answers of open connections reach nobody, and these connections end: what is under way is carried
   * out, and whoever asked cannot know.
   */
  loseAnswers(): void;
  close(): Promise<void>;
};

type Pair = { readonly near: Socket; readonly far: Socket; isLosing: boolean };

/** How long the far side may go on with what it was asked, before it notices that nobody is there, ms. */
const lingerMilliseconds = 50;

/** Relays connections to `address` to those at `target`. */
export const startLossyRelay = async (
  address: string,
  target: () => { readonly host: string; readonly port: number },
  port = 0,
): Promise<LossyRelay> => {
  const pairs = new Set<Pair>();
  const end = (pair: Pair): void => {
    pairs.delete(pair);
    pair.near.destroy();
    pair.far.destroy();
  };
  const server = createServer((near) => {
    const pair: Pair = { near, far: connect(target()), isLosing: false };
    pairs.add(pair);
    for (const socket of [near, pair.far]) {
      socket.setNoDelay(true);
      socket.on('error', () => end(pair));
      socket.on('close', () => end(pair));
    }
    near.pipe(pair.far, { end: false });
    pair.far.on('data', (chunk) => {
      if (!pair.isLosing) near.write(chunk);
    });
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    // A server that listens on TCP has such an address.
    port: (server.address() as AddressInfo).port,
    loseAnswers: () => {
      for (const pair of pairs) {
        pair.isLosing = true;
        setTimeout(() => end(pair), lingerMilliseconds);
      }
    },
    close: async () => {
      for (const pair of pairs) end(pair);
      server.close();
      await once(server, 'close');
    },
  };
};
