import type { RequestHandler } from 'express';
import { z } from 'zod';
import { sendProblem } from '../shared/problem-details.ts';
import type { RevocationLine } from './client/revocation-lines.ts';
import type { FeedPosition, RevocationFeed } from './revocation-feed.ts';

const positionSchema = z.object({ database: z.string().max(200), cursor: z.string().regex(/^\d{1,20}$/) });

/** A follower that takes in less than it is sent is better off with a new snapshot. Bytes. */
const maxWaiting = 64 * 1024 * 1024;

const parsePosition = (query: unknown): FeedPosition | undefined => {
  const parsed = positionSchema.safeParse(query);
  return parsed.success ? { database: parsed.data.database, cursor: BigInt(parsed.data.cursor) } : undefined;
};

/** `GET /v1/revocations/feed`, until the follower goes or the signal aborts, which asks it to go elsewhere. */
export const createRevocationStream =
  (feed: RevocationFeed, draining: AbortSignal): RequestHandler =>
  (request, response) => {
    const send = (line: RevocationLine): void => {
      response.write(`${JSON.stringify(line)}\n`);
      if (response.writableLength > maxWaiting) response.destroy();
    };
    // Before the first line, since that sends the headers.
    response.setHeader('Content-Type', 'application/x-ndjson');
    response.setHeader('Cache-Control', 'no-store');
    const unsubscribe = draining.aborted ? undefined : feed.subscribe(parsePosition(request.query), send);
    if (unsubscribe === undefined) {
      response.setHeader('Retry-After', '1');
      sendProblem(response, {
        status: 503,
        type: 'urn:identity-operator:problem:not-ready',
        title: 'The revocations have not been read yet',
      });
      return;
    }
    const end = (): void => {
      response.end();
    };
    draining.addEventListener('abort', end);
    response.once('close', () => {
      unsubscribe();
      draining.removeEventListener('abort', end);
    });
  };
