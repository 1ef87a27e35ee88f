import { randomInt } from 'node:crypto';
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

/**
 * Below the ports that the kernel hands out by itself (Linux: from 32,768 on): whatever connects or listens somewhere
 * between our look and the use of a port, PostgreSQL among them, gets another one.
 */
const firstPort = 15_000;
const endOfPorts = 32_000;

const listenSomewhere = async (): Promise<{ server: Server; port: number }> => {
  const port = randomInt(firstPort, endOfPorts);
  try {
    return { server: await listen(port), port };
  } catch {
    return listenSomewhere();
  }
};

/** A free TCP port of loopback for each name. All are held until all are found, so that no two are the same. */
export const findFreePorts = async <Name extends string>(names: readonly Name[]): Promise<Record<Name, number>> => {
  const held = await Promise.all(names.map(async (name) => ({ name, ...(await listenSomewhere()) })));
  await Promise.all(held.map(({ server }) => close(server)));
  // `as`: fromEntries forgets which names there are.
  return Object.fromEntries(held.map(({ name, port }) => [name, port])) as Record<Name, number>;
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
