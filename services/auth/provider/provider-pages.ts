import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { Pages, RenderedPage } from '../pages/pages.ts';
import { texts } from '../pages/texts.ts';

/** Answers that oidc-provider leaves to us. */
export type ProviderPages = {
  renderError(context: KoaContextWithOIDC, out: ErrorOut, error: Error): void;
  renderSignOut(context: KoaContextWithOIDC): void;
  renderSignedOut(context: KoaContextWithOIDC): Promise<void>;
};

/** Routes whose answers are read by people. At all others an error is JSON, whatever `Accept` says. */
const pageRoutes: ReadonlySet<string> = new Set([
  'authorization',
  'resume',
  'end_session',
  'end_session_confirm',
  'end_session_success',
  'code_verification',
  'device_resume',
]);

export const isPageRoute = (route: string | undefined): boolean => route !== undefined && pageRoutes.has(route);

type Answer = { body: unknown; set(headers: Record<string, string>): void };

/** Puts a page into a koa answer; the status stays as it is. */
export const setPage = (answer: Answer, page: RenderedPage): void => {
  answer.body = page.body;
  answer.set(page.headers);
};

/** Where forms that concern a client may lead in the end. */
export const formTargetsOf = (client: ClientRegistration | undefined): string[] =>
  client === undefined ? [] : [...client.redirectUris, ...client.postLogoutRedirectUris];

export type ProviderPagesOptions = {
  pages: Pages;
  findClient: (clientId: string) => ClientRegistration | undefined;
  /** The id that the log entry of this request's error carries. */
  correlationIdOf: (context: object) => string;
};

const errorMessage = ({ error }: ErrorOut, { name }: Error): string => {
  if (name === 'SessionNotFound') return texts.errors.expired;
  return error === 'server_error' ? texts.errors.unexpected : texts.errors.invalidRequest;
};

/** What the makers of an application need to find their mistake; nobody else understands it. */
const errorDetail = ({ error, error_description: description }: ErrorOut): string | undefined =>
  error === 'server_error' ? undefined : [error, description].filter(Boolean).join(': ');

export const createProviderPages = ({ pages, findClient, correlationIdOf }: ProviderPagesOptions): ProviderPages => ({
  renderError: (context, out, error) => {
    if (!isPageRoute(context.oidc.route)) {
      context.body = out;
      return;
    }
    const correlationId = correlationIdOf(context);
    setPage(
      context,
      pages.render('error', { message: errorMessage(out, error), detail: errorDetail(out), correlationId }),
    );
  },
  renderSignOut: (context) => {
    const { session, client } = context.oidc;
    const action = context.oidc.urlFor('end_session_confirm');
    const formTargets = formTargetsOf(client && findClient(client.clientId));
    const xsrf = String(session?.state?.['secret'] ?? '');
    setPage(context, pages.render('sign-out', { action, xsrf }, { formTargets }));
  },
  renderSignedOut: async (context) => {
    const { provider, client } = context.oidc;
    const { accountId } = await provider.Session.get(context);
    setPage(
      context,
      pages.render('signed-out', {
        stillSignedIn: accountId !== undefined,
        application: client?.clientName ?? client?.clientId,
      }),
    );
  },
});
