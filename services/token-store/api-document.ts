import type { z } from 'zod';
import { jsonAnswer, jsonBody, problemAnswer } from '../shared/open-api.ts';
import * as contract from './contract.ts';

/** A route of the contract. `refused` is the answer 409, where there is one. */
type Operation = {
  path: string;
  summary: string;
  request: z.ZodType;
  response: z.ZodType;
  refused?: z.ZodType;
};

const operations: readonly Operation[] = [
  {
    path: '/v1/records/find',
    summary: 'A record, with what the caller will want next.',
    request: contract.findRequestSchema,
    response: contract.findResponseSchema,
  },
  {
    path: '/v1/transactions',
    summary: 'All writes of one protocol request, in one transaction. Idempotent by `commitId`.',
    request: contract.transactionRequestSchema,
    response: contract.transactionResponseSchema,
    refused: contract.transactionResponseSchema,
  },
  {
    path: '/v1/introspections',
    summary: 'Whether what a JWT names is still alive, all of it.',
    request: contract.introspectionRequestSchema,
    response: contract.introspectionResponseSchema,
  },
  {
    path: '/v1/epochs',
    summary: 'How often everything of a subject or of a client was revoked.',
    request: contract.epochsRequestSchema,
    response: contract.epochsResponseSchema,
  },
  {
    path: '/v1/revocations/revoke',
    summary: 'Ends a token, a family, a session, or everything of a client or of a subject.',
    request: contract.revokeRequestSchema,
    response: contract.revokeResponseSchema,
  },
  {
    path: '/v1/sessions/list',
    summary: 'The living sessions of a subject, newest first.',
    request: contract.listSessionsRequestSchema,
    response: contract.listSessionsResponseSchema,
  },
  {
    path: '/v1/outbox/lease',
    summary: 'Messages that are due, for one worker until the lease ends.',
    request: contract.leaseOutboxRequestSchema,
    response: contract.leaseOutboxResponseSchema,
  },
  {
    path: '/v1/outbox/complete',
    summary: 'How the delivery of a message went.',
    request: contract.completeOutboxRequestSchema,
    response: contract.completeOutboxResponseSchema,
  },
];

/** OpenAPI 3.1 of the token-store's API, from its contract. The feed of revocations is a stream, and not in it. */
export const buildApiDocument = (): object => ({
  openapi: '3.1.0',
  info: {
    title: 'token-store',
    version: 'v1',
    description: 'Spoken by auth over mutual TLS, with a certificate of its role. Generated from the contract.',
  },
  paths: Object.fromEntries(
    operations.map(({ path, summary, request, response, refused }) => [
      path,
      {
        post: {
          summary,
          requestBody: jsonBody(request),
          responses: {
            200: jsonAnswer('Done.', response),
            ...(refused && { 409: jsonAnswer('Nothing was written but one-time ids.', refused) }),
            400: problemAnswer,
            403: problemAnswer,
            413: problemAnswer,
            503: problemAnswer,
          },
        },
      },
    ]),
  ),
});
