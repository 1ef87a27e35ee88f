import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy on loopback that breaks connections the way networks do. */
export interface LoopbackProxy {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: () => number;
  /** Resets every open connection; new ones work. */
  cut(): void;
  /** Resets every open connection, and each new one until `unblock`. */
  block(): void;
  unblock(): void;
  /** Open connections stay open and carry nothing more, in silence; new ones work. */
  freeze(): void;
  close(): Promise<void>;
}

/** Forwards `127.0.0.1:port` to `127.0.0.1:targetPort`. */
export const startLoopbackProxy = async (targetPort: number): Promise<LoopbackProxy> => {
  const pairs = new Set<readonly [Socket, Socket]>();
  let accepted = 0;
  let blocked = false;

  const server = createServer((client) => {
    if (blocked) return void client.resetAndDestroy();
    accepted += 1;
    const target = connect(targetPort, '127.0.0.1');
    const pair = [client, target] as const;
    pairs.add(pair);
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => {
        pairs.delete(pair);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const cut = (): void => {
    for (const [client, target] of pairs) {
      client.resetAndDestroy();
      target.destroy();
    }
  };

  return {
    // A TCP server that listens on a port has such an address.
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    cut,
    block: () => {
      blocked = true;
      cut();
    },
    unblock: () => {
      blocked = false;
    },
    freeze: () => {
      for (const [client, target] of pairs) {
        client.unpipe(target);
        target.unpipe(client);
        client.pause();
        target.pause();
      }
    },
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
};
