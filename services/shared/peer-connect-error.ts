import type { buildConnector } from 'undici';

/** The connection could not be made: not one byte of a request was sent, so that any request may go elsewhere. */
export class PeerConnectError extends Error {
  override readonly name = 'PeerConnectError';
  readonly code = 'PEER_NOT_CONNECTED';
}

/** Marks a connector's failures, which undici otherwise reports as if they could be those of a request under way. */
export const markConnectErrors =
  (connect: buildConnector.connector): buildConnector.connector =>
  (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) {
        callback(new PeerConnectError('Connection not made', { cause: error }), null);
        return;
      }
      callback(null, socket);
    });
