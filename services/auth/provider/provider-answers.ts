import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { buildContentSecurityPolicy } from '../pages/content-security-policy.ts';
import type { Pages } from '../pages/pages.ts';
import { texts } from '../pages/texts.ts';
import type { ProviderContext, ProviderNext } from '../unit-of-work/provider-context.ts';
import type { ReplaceAnswer } from '../unit-of-work/unit-middleware.ts';
import { formTargetsOf, isPageRoute, setPage } from './provider-pages.ts';

/** How soon a client may come again when the store is away, seconds. */
export const retryAfterSeconds = 2;

/** Headers of an answer that is taken back. */
const withdrawnHeaders = [
  'Location',
  'Set-Cookie',
  'Content-Type',
  'Content-Length',
  'Content-Security-Policy',
  'WWW-Authenticate',
];

export type AnswerOptions = {
  issuer: string;
  pages: Pages;
  logger: Logger;
  correlationIdOf: (context: object) => string;
};

/**
 * A proof or an assertion that was used before: what the library would have said, had it found it. Which of them it was is
 * told by what the request came with; with both, the client is the one to be doubted.
 */
const answerReplay = (context: ProviderContext, route: string | undefined, issuer: string): void => {
  context.set('Cache-Control', 'no-store');
  if (context.oidc?.params?.['client_assertion'] !== undefined) {
    context.status = 401;
    context.body = { error: 'invalid_client', error_description: 'client authentication failed' };
    return;
  }
  const description = 'DPoP proof JWT Replay detected';
  const error = replayErrors[route ?? ''] ?? 'invalid_grant';
  context.status = error === 'invalid_token' ? 401 : 400;
  if (context.status === 401) {
    context.set('WWW-Authenticate', `DPoP realm="${issuer}", error="${error}", error_description="${description}"`);
  }
  context.body = { error, error_description: description };
};

const replayErrors: Readonly<Record<string, string>> = {
  userinfo: 'invalid_token',
  pushed_authorization_request: 'invalid_request',
};

/**
 * The answer in place of one whose work was not written: 503 when the store is away (nothing was used up), 400 when
 * another request was first.
 */
export const createReplaceAnswer = ({ issuer, pages, logger, correlationIdOf }: AnswerOptions): ReplaceAnswer => {
  return (context, outcome, route) => {
    const correlationId = correlationIdOf(context);
    const away = outcome.kind === 'unavailable';
    logger[away ? 'warn' : 'info'](
      away ? { route, correlationId, err: outcome.cause } : { route, correlationId, reason: outcome.reason },
      away ? 'token store unavailable' : 'commit refused',
    );
    for (const header of withdrawnHeaders) context.remove(header);
    context.status = away ? 503 : 400;
    if (away) context.set('Retry-After', String(retryAfterSeconds));
    if (!away && outcome.reason === 'already_used') {
      answerReplay(context, route, issuer);
      return;
    }
    if (isPageRoute(route)) {
      const message = away ? texts.errors.unavailable : texts.errors.overtaken;
      setPage(context, pages.render('error', { message, detail: undefined, correlationId }));
      return;
    }
    context.set('Cache-Control', 'no-store');
    context.body = away
      ? { error: 'temporarily_unavailable', error_description: 'try again' }
      : { error: 'invalid_grant', error_description: 'grant request is invalid' };
  };
};

/** Outermost: what no route answered is problem+json too. */
export const answerUnknownPaths = async (context: ProviderContext, next: ProviderNext): Promise<void> => {
  await next();
  if (context.status !== 404 || context.body) return;
  context.body = {
    status: 404,
    type: 'urn:identity-operator:problem:not-found',
    title: 'There is nothing at this address',
  };
  context.status = 404;
  context.type = 'application/problem+json';
};

const scriptHashes = (html: string): string[] =>
  [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
    ([, script = '']) => `sha256-${createHash('sha256').update(script).digest('base64')}`,
  );

/**
 * A policy for the pages that oidc-provider makes itself: forms that submit themselves, for `response_mode=form_post`, a
 * sign-out without a session and a change of account. Their one script is allowed by its hash; what the forms contain is
 * escaped by the library.
 */
export const createLibraryPagePolicy =
  (findClient: (clientId: string) => ClientRegistration | undefined) =>
  async (context: ProviderContext, next: ProviderNext): Promise<void> => {
    await next();
    const { body } = context;
    if (typeof body !== 'string' || !context.type.includes('html')) return;
    if (context.response.get('Content-Security-Policy')) return;
    // A change of account is noticed before the library has loaded the client, which only the interaction names by then.
    const clientId: unknown = context.oidc?.client?.clientId ?? context.oidc?.entities.Interaction?.params['client_id'];
    const formTargets = formTargetsOf(typeof clientId === 'string' ? findClient(clientId) : undefined);
    context.set(
      'Content-Security-Policy',
      buildContentSecurityPolicy({ formTargets, imageSources: [], scriptHashes: scriptHashes(body) }),
    );
  };
