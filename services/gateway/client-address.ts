import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddress from 'proxy-addr';

/** IPv4 in its own spelling on dual-stack sockets, too. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '');

/** Tells the address of a request's client. */
export type ClientAddress = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => string;

/**
 * Who asks: what is connected to this process, unless that is one of `trustedProxies` (addresses or CIDR ranges); then
 * the last address in `X-Forwarded-For` that is no such proxy. What anybody else says of itself is not believed.
 */
export const readClientAddress = (trustedProxies: readonly string[]): ClientAddress => {
  const isTrusted = proxyAddress.compile([...trustedProxies]);
  return (request) => {
    const connected = plain(request.socket.remoteAddress ?? 'unknown');
    // The library reads a header and a socket, which both kinds of requests have.
    const asked = plain(proxyAddress(request as IncomingMessage, isTrusted) ?? connected);
    // A proxy may pass on whatever a client wrote there.
    return isIP(asked) === 0 ? connected : asked;
  };
};
