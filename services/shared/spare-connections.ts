import type { Socket } from 'node:net';

/** Connections that stand and that nobody uses yet. */
export type SpareConnections = {
  /** Keeps a connection for a while; closes it when there are enough. */
  put(socket: Socket): void;
  /** One that is still open. */
  take(): Socket | undefined;
  /** Closes all of them, and each that comes later. */
  close(): void;
};

/** Of a connection that waits. HTTP servers say nothing first, and its end is noticed by reading only. */
const endings = ['data', 'end', 'close', 'error'] as const;

/** @param lifetimeMilliseconds below what the peer closes idle connections after. */
export const createSpareConnections = (limit: number, lifetimeMilliseconds: number): SpareConnections => {
  const releases = new Map<Socket, () => void>();
  let closed = false;

  const take = (): Socket | undefined => {
    const [socket] = releases.keys();
    if (socket !== undefined) releases.get(socket)?.();
    return socket;
  };
  return {
    take,
    put: (socket) => {
      if (closed || releases.size >= limit) {
        socket.destroy();
        return;
      }
      const discard = () => {
        release();
        socket.destroy();
      };
      const timer = setTimeout(discard, lifetimeMilliseconds).unref();
      const release = () => {
        releases.delete(socket);
        clearTimeout(timer);
        for (const ending of endings) socket.off(ending, discard);
        socket.ref();
      };
      releases.set(socket, release);
      for (const ending of endings) socket.on(ending, discard);
      socket.unref();
    },
    close: () => {
      closed = true;
      for (let socket = take(); socket !== undefined; socket = take()) socket.destroy();
    },
  };
};
