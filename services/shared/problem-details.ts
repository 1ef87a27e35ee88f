import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { ErrorRequestHandler } from 'express';
import type { Logger } from 'pino';
import { z } from 'zod';

/** RFC 9457. `detail` is read by strangers: no value of a setting, no text of an exception. */
export type Problem = {
  status: number;
  type: `urn:identity-operator:problem:${string}`;
  title: string;
  detail?: string;
  /** Names the log entry of an unexpected error. */
  correlationId?: string;
};

/** Ends the answer with `application/problem+json`. Cuts the connection when an answer is under way already. */
export const sendProblem = (response: ServerResponse, problem: Problem): void => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = JSON.stringify(problem);
  response.statusCode = problem.status;
  response.setHeader('Content-Type', 'application/problem+json');
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.setHeader('Cache-Control', 'no-store');
  response.end(body);
};

// What express's body parsers throw (http-errors): `type` is a stable code, `status` the answer that they suggest.
const bodyParserError = z.object({ type: z.string(), status: z.int().min(400).max(499) });

/** The problem that an exception of an express handler stands for; undefined for one that nobody expected. */
const expectedProblem = (error: unknown): Problem | undefined => {
  const parsed = bodyParserError.safeParse(error);
  if (!parsed.success) {
    return undefined;
  }
  if (parsed.data.type === 'entity.too.large') {
    return { status: 413, type: 'urn:identity-operator:problem:body-too-large', title: 'The body is too large' };
  }
  if (parsed.data.type === 'entity.parse.failed') {
    return { status: 400, type: 'urn:identity-operator:problem:malformed-body', title: 'The body is not valid JSON' };
  }
  return {
    status: parsed.data.status,
    type: 'urn:identity-operator:problem:unreadable-body',
    title: 'The body cannot be read',
  };
};

/** Last middleware of an express app: expected errors become 4xx, all others 500 with the id of their log entry. */
export const problemHandler =
  (logger: Logger): ErrorRequestHandler =>
  (error: unknown, _request, response, _next) => {
    const expected = expectedProblem(error);
    if (expected) {
      sendProblem(response, expected);
      return;
    }
    const correlationId = randomUUID();
    logger.error({ err: error, correlationId }, 'request failed');
    sendProblem(response, {
      status: 500,
      type: 'urn:identity-operator:problem:internal-error',
      title: 'Something went wrong on our side',
      correlationId,
    });
  };
