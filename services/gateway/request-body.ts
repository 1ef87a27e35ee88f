import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
  readonly code = 'BODY_TOO_LARGE';
}

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** A request's body for one attempt upstream. */
export type RequestBody = { stream: Readable; taken(): boolean };

/**
 * Reads the body only when the upstream does (backpressure), and leaves the client's connection alone when the upstream
 * fails: undici destroys the stream that it is given. While nothing was taken, another attempt can have the whole body.
 *
 * @param limit bytes; more of them break the stream off with BodyTooLargeError.
 */
export const createRequestBody = (request: IncomingMessage, limit: number): RequestBody => {
  let taken = false;
  let size = 0;
  const onData = (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) {
      stream.destroy(new BodyTooLargeError());
      return;
    }
    if (!stream.push(chunk)) {
      request.pause();
    }
  };
  const onEnd = () => stream.push(null);
  const onBroken = () => stream.destroy(new Error('The client left in the middle of its body'));
  const detach = () => request.off('data', onData).off('end', onEnd).off('close', onBroken).off('error', onBroken);
  const stream: Readable = new Readable({
    read: () => {
      if (!taken) {
        taken = true;
        request.on('data', onData).once('end', onEnd).once('error', onBroken);
        // `close` follows `end` in a whole request, and comes alone in a broken one.
        request.once('close', () => request.readableEnded || onBroken());
      }
      request.resume();
    },
    destroy: (error, callback) => {
      detach();
      callback(error);
    },
  });
  return { stream, taken: () => taken };
};
