import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import type { z } from 'zod';
import { sendProblem } from '../../shared/problem-details.ts';
import type { AccountAdministration } from './account-administration.ts';
import {
  accountEventsQuerySchema,
  accountIdSchema,
  type ChangeAccountResponse,
  changeAccountRequestSchema,
  type DeleteAccountResponse,
  eventsQuerySchema,
  type FindAccountsResponse,
  findAccountsRequestSchema,
  type RevokeSessionsResponse,
  sessionUidSchema,
} from './contract.ts';

const parseBody = express.json({ limit: '4kb' });

/** Names the members that are wrong, never their values. */
const sendInvalid = (response: Response, { issues }: z.ZodError): void => {
  sendProblem(response, {
    status: 400,
    type: 'urn:identity-operator:problem:invalid-request',
    title: 'The request does not follow the contract',
    detail: issues.map(({ path, code }) => `${path.join('.')}: ${code}`).join('; '),
  });
};

const sendUnknown = (response: Response, title: string): void => {
  sendProblem(response, { status: 404, type: 'urn:identity-operator:problem:not-found', title });
};

/** Runs a route with what `read` gives of the request, checked; else 400. */
const withInput =
  <Schema extends z.ZodType>(
    schema: Schema,
    read: (request: Request) => unknown,
    handle: (input: z.output<Schema>, request: Request, response: Response) => Promise<void>,
  ): RequestHandler =>
  async (request, response) => {
    const parsed = schema.safeParse(read(request));
    if (parsed.success) await handle(parsed.data, request, response);
    else sendInvalid(response, parsed.error);
  };

/** Every address with the account's id first checks that. */
const requireAccountId: RequestHandler = (request, response, next) => {
  const parsed = accountIdSchema.safeParse(request.params['id']);
  if (parsed.success) next();
  else sendInvalid(response, parsed.error);
};

const idOf = ({ params }: Request): string => String(params['id']);

/** `/internal/accounts` and `/internal/audit-events`, by `contract.ts`. The caller has let in the operator's role alone. */
export const createAdminRoutes = (administration: AccountAdministration): RequestHandler => {
  const routes = Router();

  /** Answers other methods, so that a mistake is told from an address that there is not. */
  const add = (
    path: string,
    handlers: Partial<Record<'get' | 'post' | 'patch' | 'delete', RequestHandler[]>>,
  ): void => {
    const methods = Object.keys(handlers).map((method) => method.toUpperCase());
    const route = routes.route(path);
    if (path.includes(':id')) route.all(requireAccountId);
    if (handlers.get) route.get(handlers.get);
    if (handlers.post) route.post(handlers.post);
    if (handlers.patch) route.patch(handlers.patch);
    if (handlers.delete) route.delete(handlers.delete);
    route.all((_request, response) => {
      response.set('Allow', methods.join(', '));
      sendProblem(response, {
        status: 405,
        type: 'urn:identity-operator:problem:method-not-allowed',
        title: 'This method is not supported',
      });
    });
  };

  const find = withInput(
    findAccountsRequestSchema,
    ({ body }) => body,
    async ({ email }, _request, response) => {
      const account = await administration.findByEmail(email);
      response.json({ accounts: account === undefined ? [] : [account] } satisfies FindAccountsResponse);
    },
  );
  const show: RequestHandler = async (request, response) => {
    const account = await administration.findById(idOf(request));
    if (account === undefined) sendUnknown(response, 'There is no such account');
    else response.json(account);
  };
  const change = withInput(
    changeAccountRequestSchema,
    ({ body }) => body,
    async ({ disabled }, request, response) => {
      const changed = await administration.setDisabled(idOf(request), disabled);
      if (!changed && (await administration.findById(idOf(request))) === undefined) {
        sendUnknown(response, 'There is no such account');
        return;
      }
      response.json({ changed } satisfies ChangeAccountResponse);
    },
  );
  const remove: RequestHandler = async (request, response) => {
    const deleted = await administration.deleteAccount(idOf(request));
    response.json({ deleted } satisfies DeleteAccountResponse);
  };
  const listSessions: RequestHandler = async (request, response) => {
    response.json(await administration.listSessions(idOf(request)));
  };
  const revokeSessions: RequestHandler = async (request, response) => {
    if ((await administration.findById(idOf(request))) === undefined) {
      sendUnknown(response, 'There is no such account');
      return;
    }
    await administration.revokeSessions(idOf(request));
    response.json({ revoked: true } satisfies RevokeSessionsResponse);
  };
  const revokeSession = withInput(
    sessionUidSchema,
    ({ params }) => params['uid'],
    async (uid, request, response) => {
      if (await administration.revokeSession(idOf(request), uid)) {
        response.json({ revoked: true } satisfies RevokeSessionsResponse);
      } else {
        sendUnknown(response, 'The account has no such session');
      }
    },
  );
  const listAccountEvents = withInput(
    accountEventsQuerySchema,
    ({ query }) => query,
    async (page, request, response) => {
      response.json(await administration.listEvents({ ...page, accountId: idOf(request) }));
    },
  );
  const listEvents = withInput(
    eventsQuerySchema,
    ({ query }) => query,
    async (page, _request, response) => {
      response.json(await administration.listEvents(page));
    },
  );

  add('/accounts/find', { post: [parseBody, find] });
  add('/accounts/:id', { get: [show], patch: [parseBody, change], delete: [remove] });
  add('/accounts/:id/sessions', { get: [listSessions], delete: [revokeSessions] });
  add('/accounts/:id/sessions/:uid', { delete: [revokeSession] });
  add('/accounts/:id/audit-events', { get: [listAccountEvents] });
  add('/audit-events', { get: [listEvents] });
  return routes;
};
