import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import type { Logger } from 'pino';
import { databaseErrorCode, isDatabaseUnavailable } from '../../shared/postgres-errors.ts';
import { type TokenStoreClient, TokenStoreUnavailable } from '../../token-store/client/token-store-client.ts';
import type { Account } from '../accounts/account-repository.ts';
import { buildClaims } from '../provider/configuration.ts';
import { retryAfterSeconds } from '../provider/provider-answers.ts';
import type { VerifyAccessToken } from './access-token.ts';

export type UserinfoOptions = {
  issuer: string;
  verify: VerifyAccessToken;
  store: Pick<TokenStoreClient, 'introspect'>;
  findAccount: (id: string) => Promise<Account | undefined>;
  logger: Logger;
};

/** Which scope opens which claim (OpenID Connect Core section 5.4). */
const claimScopes: Readonly<Record<string, string>> = { email: 'email', email_verified: 'email', name: 'profile' };

/** The claims that a token's scopes open. */
export const selectClaims = (account: Account, scopes: ReadonlySet<string>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(buildClaims(account)).filter(([claim]) => {
      const scope = claimScopes[claim];
      return scope === undefined || scopes.has(scope);
    }),
  );

type PresentedToken = { ok: true; token: string } | { ok: false; error?: 'invalid_request' };

/** RFC 6750 section 2: the header, or a form's body, never both; never the query, which lands in logs. */
export const readBearerToken = (request: { authorization: string | undefined; form: unknown }): PresentedToken => {
  const form: unknown =
    typeof request.form === 'object' && request.form !== null ? Reflect.get(request.form, 'access_token') : undefined;
  if (request.authorization === undefined) {
    if (form === undefined) return { ok: false };
    return typeof form === 'string' && form !== ''
      ? { ok: true, token: form }
      : { ok: false, error: 'invalid_request' };
  }
  const [, token] = /^Bearer +([\w.~+/=-]+)$/i.exec(request.authorization) ?? [];
  if (token === undefined || form !== undefined) return { ok: false, error: 'invalid_request' };
  return { ok: true, token };
};

/** RFC 6750 section 3. A request without a token is told how to authenticate and nothing else. */
const refuse = (
  response: Response,
  { issuer, status, error, scope }: { issuer: string; status: number; error?: string; scope?: string },
): void => {
  const parts = [
    `Bearer realm="${issuer}"`,
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
  ];
  response.status(status).set('WWW-Authenticate', parts.join(', '));
  response.json(error === undefined ? {} : { error });
};

/** Userinfo for our JWT access tokens, which oidc-provider refuses there: it has only ever stored tokens in mind. */
export const createUserinfoRoutes = (options: UserinfoOptions): RequestHandler => {
  const { issuer, verify, store, findAccount, logger } = options;

  const answer = async (request: Request, response: Response): Promise<void> => {
    response.set({ 'Cache-Control': 'no-store', 'Access-Control-Allow-Origin': '*' });
    response.set('Access-Control-Expose-Headers', 'WWW-Authenticate');
    const presented = readBearerToken({ authorization: request.headers.authorization, form: request.body });
    if (!presented.ok) {
      const { error } = presented;
      refuse(response, { issuer, status: error === undefined ? 401 : 400, ...(error !== undefined && { error }) });
      return;
    }
    const claims = await verify(presented.token);
    if (claims === undefined) {
      refuse(response, { issuer, status: 401, error: 'invalid_token' });
      return;
    }
    const scopes = new Set(claims.scope.split(' '));
    if (!scopes.has('openid') || claims.gid === undefined) {
      refuse(response, { issuer, status: 403, error: 'insufficient_scope', scope: 'openid' });
      return;
    }
    const { active } = await store.introspect({ jti: claims.jti, clientId: claims.client_id, grantId: claims.gid });
    const account = active ? await findAccount(claims.sub) : undefined;
    if (account === undefined) {
      refuse(response, { issuer, status: 401, error: 'invalid_token' });
      return;
    }
    response.json(selectClaims(account, scopes));
  };

  const handle: RequestHandler = async (request, response, next) => {
    try {
      await answer(request, response);
    } catch (error) {
      if (!(isDatabaseUnavailable(error) || error instanceof TokenStoreUnavailable)) {
        next(error);
        return;
      }
      logger.warn({ code: databaseErrorCode(error) }, 'userinfo unavailable');
      response.status(503).set('Retry-After', String(retryAfterSeconds)).json({ error: 'temporarily_unavailable' });
    }
  };

  const routes = Router();
  // A browser asks before it sends an Authorization header to another origin.
  routes.options('/', (_request, response) => {
    response.set({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Methods': 'GET, POST' });
    response.set({ 'Access-Control-Allow-Headers': 'Authorization', 'Access-Control-Max-Age': '3600' });
    response.status(204).end();
  });
  routes.get('/', handle);
  routes.post('/', express.urlencoded({ extended: false, limit: '16kb', parameterLimit: 20 }), handle);
  return routes;
};
