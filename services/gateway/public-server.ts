import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { watchDirectory } from '../shared/watched-directory.ts';

/** Bytes of all headers of a request; Node answers 431 above it. */
export const serverLimits = { maxHeaderSize: 16_384 };
/** Node waits for two minutes, at no cost to whoever opens connections and says nothing. */
export const handshakeTimeout = 10_000;

/** Certificate and key of a folder. Throws when they do not belong together: the last good pair stays in use. */
export const readCertificate = (directory: string): { cert: string; key: string; minVersion: 'TLSv1.2' } => {
  const certificate = {
    cert: readFileSync(join(directory, 'tls.crt'), 'utf8'),
    key: readFileSync(join(directory, 'tls.key'), 'utf8'),
    minVersion: 'TLSv1.2' as const,
  };
  createSecureContext(certificate);
  return certificate;
};

/**
 * The public entrance: HTTPS when there is a folder with `tls.crt` and `tls.key`, which is watched; else plain HTTP behind
 * the user's own TLS.
 */
export const createPublicServer = (
  tlsDirectory: string | undefined,
  handler: RequestListener,
  { signal, logger }: { signal: AbortSignal; logger: Logger },
): Server | SecureServer => {
  if (tlsDirectory === undefined) {
    return createServer(serverLimits, handler);
  }
  watchDirectory(tlsDirectory, {
    signal,
    logger,
    onChange: () => {
      server.setSecureContext(readCertificate(tlsDirectory));
      logger.info({ directory: tlsDirectory }, 'public certificate taken over');
    },
  });
  const server: SecureServer = createSecureServer(
    { ...serverLimits, handshakeTimeout, ...readCertificate(tlsDirectory) },
    handler,
  );
  return server;
};
