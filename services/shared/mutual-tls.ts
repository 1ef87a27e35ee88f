import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { RequestHandler } from 'express';
import { buildConnector } from 'undici';
import { type Role, spiffeId } from './contracts/spiffe-id.ts';
import { roleInSubjectAltName, type TlsMaterial, type WorkloadIdentity } from './identity.ts';
import { sendProblem } from './problem-details.ts';

const connectTimeoutMilliseconds = 1_000;
/** Above the gateway's own limit, since it adds headers to what it lets through. Bytes. */
const maxHeaderSize = 32 * 1024;

const roleBySocket = new WeakMap<object, Role>();

/**
 * A server for the tenant's own processes: TLS 1.3, a certificate of the tenant's CA that names a role of this tenant, or
 * the connection is cut. Follows the identity's changes; connections that are open keep the certificate they began with.
 */
export const createMutualTlsServer = (identity: WorkloadIdentity, handler: RequestListener): Server => {
  const server = createServer(
    { ...identity.current(), minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true, maxHeaderSize },
    handler,
  );
  server.prependListener('request', (request, response) => {
    // A handler that answers in the middle of a body (it is too large) leaves it paused, and the end of the connection
    // behind it unread: it would stay for as long as idle ones do, and a drain would wait for it.
    response.once('finish', () => request.resume());
  });
  server.on('secureConnection', (socket) => {
    const role = socket.authorized
      ? roleInSubjectAltName(socket.getPeerX509Certificate()?.subjectAltName, identity)
      : undefined;
    if (role === undefined) {
      socket.destroy();
      return;
    }
    roleBySocket.set(socket, role);
  });
  identity.onChange(() => server.setSecureContext({ ...identity.current(), minVersion: 'TLSv1.3' }));
  return server;
};

/** The role that the caller has proved by its certificate; undefined on servers that are not mutual TLS. */
export const peerRole = (request: IncomingMessage): Role | undefined => roleBySocket.get(request.socket);

/** Lets these roles through, answers 403 to all others. */
export const allowRoles =
  (...allowed: Role[]): RequestHandler =>
  (request, response, next) => {
    const role = peerRole(request);
    if (role !== undefined && allowed.includes(role)) {
      next();
      return;
    }
    sendProblem(response, {
      status: 403,
      type: 'urn:identity-operator:problem:role-not-allowed',
      title: 'This caller may not use this address',
    });
  };

const checkSpiffeId =
  (identity: WorkloadIdentity, role: Role) =>
  (_host: string, certificate: { subjectaltname?: string | undefined }): Error | undefined =>
    roleInSubjectAltName(certificate.subjectaltname, identity) === role
      ? undefined
      : new Error(`The peer's certificate does not name ${spiffeId({ ...identity, role })}`);

/**
 * What undici's `connect` takes to reach a peer of this role by address: our certificate as it is at each connection, the
 * SPIFFE id checked in place of a host name, 1 s to connect.
 */
export const peerConnectOptions = (identity: WorkloadIdentity, role: Role): buildConnector.connector => {
  const build = (material: TlsMaterial) =>
    buildConnector({
      ...material,
      minVersion: 'TLSv1.3',
      timeout: connectTimeoutMilliseconds,
      checkServerIdentity: checkSpiffeId(identity, role),
      // Node skips checkServerIdentity on a resumed session.
      maxCachedSessions: 0,
      allowH2: false,
    });
  let connect = build(identity.current());
  identity.onChange(() => {
    connect = build(identity.current());
  });
  return (options, callback) => connect(options, callback);
};
