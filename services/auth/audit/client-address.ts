import { isIP } from 'node:net';
import type { Request } from 'express';

/** The device's address: the gateway, whose certificate was checked, writes one into `X-Forwarded-For`, and only one. */
export const clientAddressOf = ({ headers, socket }: Pick<Request, 'headers' | 'socket'>): string => {
  const forwarded = headers['x-forwarded-for'];
  return typeof forwarded === 'string' && isIP(forwarded) !== 0 ? forwarded : (socket.remoteAddress ?? 'unknown');
};
