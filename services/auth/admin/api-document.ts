import type { z } from 'zod';
import { jsonAnswer, jsonBody, problemAnswer, toOpenApiSchema } from '../../shared/open-api.ts';
import * as contract from './contract.ts';

type Parameter = { name: string; in: 'path' | 'query'; required: boolean; schema: object };
type Operation = {
  summary: string;
  request?: z.ZodType;
  response: z.ZodType;
  query?: readonly Parameter[];
  /** Whether there may be nothing of that name. */
  mayBeUnknown?: true;
};

const inPath = (name: string, schema: z.ZodType): Parameter => ({
  name,
  in: 'path',
  required: true,
  schema: toOpenApiSchema(schema, 'input'),
});
const inQuery = (name: string, schema: object): Parameter => ({ name, in: 'query', required: false, schema });

const page = Object.entries(contract.pageParameters).map(([name, schema]) => inQuery(name, schema));
const period = Object.entries(contract.periodParameters).map(([name, schema]) => inQuery(name, schema));

const operations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/internal/accounts/find': {
    post: {
      summary: 'The account of an address, if there is one; disabled ones too.',
      request: contract.findAccountsRequestSchema,
      response: contract.findAccountsResponseSchema,
    },
  },
  '/internal/accounts/{id}': {
    get: { summary: 'An account.', response: contract.accountSchema, mayBeUnknown: true },
    patch: {
      summary: 'Disables an account, which ends its sessions and tokens, or enables it again.',
      request: contract.changeAccountRequestSchema,
      response: contract.changeAccountResponseSchema,
      mayBeUnknown: true,
    },
    delete: {
      summary: 'Deletes an account: ends what it has and erases the person. Its audit events stay, under its id alone.',
      response: contract.deleteAccountResponseSchema,
    },
  },
  '/internal/accounts/{id}/sessions': {
    get: { summary: 'Where somebody is signed in, newest first.', response: contract.listSessionsResponseSchema },
    delete: {
      summary: 'Ends every session and token of an account.',
      response: contract.revokeSessionsResponseSchema,
      mayBeUnknown: true,
    },
  },
  '/internal/accounts/{id}/sessions/{uid}': {
    delete: {
      summary: 'Ends one session, with the tokens that end with it.',
      response: contract.revokeSessionsResponseSchema,
      mayBeUnknown: true,
    },
  },
  '/internal/accounts/{id}/audit-events': {
    get: {
      summary: 'What happened to an account, newest first; also to one that is deleted.',
      response: contract.listEventsResponseSchema,
      query: page,
    },
  },
  '/internal/audit-events': {
    get: {
      summary: 'What happened, newest first.',
      response: contract.listEventsResponseSchema,
      query: [...page, ...period],
    },
  },
};

const pathParameters = (path: string): Parameter[] => [
  ...(path.includes('{id}') ? [inPath('id', contract.accountIdSchema)] : []),
  ...(path.includes('{uid}') ? [inPath('uid', contract.sessionUidSchema)] : []),
];

const describeOperation = (path: string, { summary, request, response, query = [], mayBeUnknown }: Operation) => ({
  summary,
  parameters: [...pathParameters(path), ...query],
  ...(request !== undefined && { requestBody: jsonBody(request) }),
  responses: {
    200: jsonAnswer('Done.', response),
    400: problemAnswer,
    403: problemAnswer,
    ...(mayBeUnknown && { 404: problemAnswer }),
    ...(request !== undefined && { 413: problemAnswer }),
    503: problemAnswer,
  },
});

/** OpenAPI 3.1 of the admin API, from its contract. */
export const buildAdminApiDocument = (): object => ({
  openapi: '3.1.0',
  info: {
    title: 'auth, administration of accounts',
    version: 'v1',
    description: 'Spoken over mutual TLS with a certificate of the role operator. Generated from the contract.',
  },
  paths: Object.fromEntries(
    Object.entries(operations).map(([path, methods]) => [
      path,
      Object.fromEntries(
        Object.entries(methods).map(([method, operation]) => [method, describeOperation(path, operation)]),
      ),
    ]),
  ),
});
