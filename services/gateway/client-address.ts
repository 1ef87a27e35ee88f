import type { IncomingMessage } from 'node:http';

/**
 * Who is connected to this process: the client, or the load balancer in front. What the request itself says of its origin
 * is not believed; which proxies may be is a setting to come. IPv4 in its own spelling on dual-stack sockets, too.
 */
export const clientAddress = ({ socket }: IncomingMessage): string =>
  socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'unknown';
