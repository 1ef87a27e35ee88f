import express, { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { sendProblem } from '../../shared/problem-details.ts';
import type { Accounts } from './accounts.ts';

// PostgreSQL's text holds no null byte.
const idSchema = z.string().refine((id) => !id.includes('\0'));
const changeSchema = z.object({ disabled: z.boolean() });

/**
 * `/internal/accounts`, for the operator's role: what somebody who runs the tenant may do to an account.
 * `PATCH /{id}` with `{ "disabled": true }` ends every session and token of it, by the outbox. May be repeated.
 */
export const createAccountAdminRoutes = (accounts: Pick<Accounts, 'setDisabled'>): RequestHandler => {
  const routes = Router();
  routes.patch('/:id', express.json({ limit: '1kb' }), async (request, response) => {
    const [id, parsed] = [idSchema.safeParse(request.params['id']), changeSchema.safeParse(request.body)];
    if (!id.success || !parsed.success) {
      sendProblem(response, {
        status: 400,
        type: 'urn:identity-operator:problem:invalid-account-change',
        title: 'The change of the account cannot be read',
      });
      return;
    }
    response.json({ changed: await accounts.setDisabled(id.data, parsed.data.disabled) });
  });
  return routes;
};
