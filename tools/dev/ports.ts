import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { loopback } from './settings.ts';

const listen = async (port: number): Promise<Server> => {
  const server = createServer().listen(port, loopback);
  await once(server, 'listening');
  return server;
};

const close = async (server: Server): Promise<void> => {
  const closed = once(server, 'close');
  server.close();
  await closed;
};

/** A free TCP port of loopback for each name. All are held until all are found, so that no two are the same. */
export const findFreePorts = async <Name extends string>(names: readonly Name[]): Promise<Record<Name, number>> => {
  const servers = await Promise.all(names.map(() => listen(0)));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('unreachable: a TCP server has a port');
    return address.port;
  });
  await Promise.all(servers.map(close));
  // `as`: fromEntries forgets which names there are.
  return Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Record<Name, number>;
};

/** Whether something listens there already, or the port may not be used. */
export const isPortTaken = async (port: number): Promise<boolean> => {
  try {
    await close(await listen(port));
    return false;
  } catch {
    return true;
  }
};
