import { constants, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { createSecureContext, type TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { type ClientCertificate, largestClientCertificate } from '../shared/contracts/client-certificate.ts';
import { watchDirectory } from '../shared/watched-directory.ts';
import { handshakeTimeout, readCertificate, serverLimits } from './public-server.ts';

/** The certificate of a connection, when its client has shown one. */
export type ConnectionCertificate = ClientCertificate & {
  /** `x5t#S256` of tokens that are bound to it: SHA-256 of the DER, base64url (RFC 8705, 3.1). */
  thumbprint: string;
};

/** What is known of a connection to the entrance for certificates. */
type Connection = { certificate: ConnectionCertificate | undefined; validTo: number };

const connections = new WeakMap<object, Connection>();

const observeConnection = (socket: TLSSocket, hasCa: boolean): Connection => {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { certificate: undefined, validTo: 0 };
  return {
    certificate: {
      certificate,
      // Without CAs of the tenant's, Node would take those of the system.
      isTrusted: hasCa && socket.authorized,
      thumbprint: createHash('sha256').update(certificate.raw).digest('base64url'),
    },
    validTo: Date.parse(certificate.validTo),
  };
};

const noTickets = constants.SSL_OP_NO_TICKET;

/** How a request reached the gateway: by the entrance for certificates, perhaps with one; undefined: by the other one. */
export type CertificateConnection = { certificate: ConnectionCertificate | undefined };

/** A certificate that has ended, or not begun, is none, whoever issued it. */
export const certificateConnection = (request: IncomingMessage, now: number): CertificateConnection | undefined => {
  const connection = connections.get(request.socket);
  if (connection === undefined) return undefined;
  const { certificate, validTo } = connection;
  const isValid = certificate !== undefined && validTo > now && Date.parse(certificate.certificate.validFrom) <= now;
  return { certificate: isValid ? certificate : undefined };
};

export type ClientCertificateOptions = {
  /** Folder with `tls.crt` and `tls.key`; reread when it changes. */
  tlsDirectory: string;
  /** Folder with `ca.crt`, whose certificates clients may be known by; reread when it changes. Absent: none is trusted. */
  caDirectory?: string | undefined;
};

/**
 * The entrance for clients with certificates. It asks for one and demands none: whose it is, and whether that is enough, is
 * the client's registration to say (RFC 8705), and a self-signed one is of no CA.
 */
export const createClientCertificateServer = (
  { tlsDirectory, caDirectory }: ClientCertificateOptions,
  handler: RequestListener,
  { signal, logger }: { signal: AbortSignal; logger: Logger },
): Server => {
  const read = () => {
    const material = {
      ...readCertificate(tlsDirectory),
      ca: caDirectory === undefined ? [] : [readFileSync(join(caDirectory, 'ca.crt'), 'utf8')],
    };
    // Throws when something of it cannot be used: the last good one stays in use.
    createSecureContext(material);
    return material;
  };
  // A resumed session would be trusted by the CAs of when it began: without tickets there is none.
  const server: Server = createServer(
    {
      ...serverLimits,
      handshakeTimeout,
      ...read(),
      requestCert: true,
      rejectUnauthorized: false,
      secureOptions: noTickets,
    },
    handler,
  );
  /** Connections that were judged by the CAs of now, for sure. */
  let current = new WeakSet<object>();
  let takenOverAt = Number.NEGATIVE_INFINITY;
  const takeOver = (): void => {
    server.setSecureContext({ ...read(), secureOptions: noTickets });
    current = new WeakSet();
    takenOverAt = performance.now();
    server.closeIdleConnections();
    logger.info({ tlsDirectory, caDirectory }, 'certificates for the entrance of clients taken over');
  };
  for (const directory of [tlsDirectory, ...(caDirectory === undefined ? [] : [caDirectory])]) {
    watchDirectory(directory, { signal, logger, onChange: takeOver });
  }
  server.on('secureConnection', (socket) => {
    if ((socket.getPeerX509Certificate()?.raw.length ?? 0) > largestClientCertificate) {
      socket.destroy();
      return;
    }
    connections.set(socket, observeConnection(socket, caDirectory !== undefined));
    // Sooner after a change its handshake may have begun before it.
    if (performance.now() - takenOverAt > handshakeTimeout) current.add(socket);
  });
  server.prependListener('request', (request, response) => {
    // One that may have been judged by the CAs of before serves this request, and then its client makes another one.
    if (!current.has(request.socket)) response.shouldKeepAlive = false;
  });
  return server;
};
