import { randomUUID } from 'node:crypto';
import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import { errors, type Interaction, type Provider } from 'oidc-provider';
import type { Logger } from 'pino';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { databaseErrorCode, isDatabaseUnavailable } from '../../shared/postgres-errors.ts';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { EpochsRequest, EpochsResponse } from '../../token-store/contract.ts';
import type { Accounts } from '../accounts/accounts.ts';
import { HashingOverloaded } from '../accounts/concurrency-limit.ts';
import type { AuthMetrics } from '../auth-metrics.ts';
import type { Pages } from '../pages/pages.ts';
import { texts } from '../pages/texts.ts';
import { passwordAcr } from '../provider/configuration.ts';
import { issuerPath, paths } from '../provider/issuer.ts';
import { retryAfterSeconds } from '../provider/provider-answers.ts';
import type { AuthSettings } from '../settings.ts';
import { currentUnit } from '../unit-of-work/current-unit.ts';
import type { UnitOptions } from '../unit-of-work/unit-middleware.ts';
import { createCsrfToken, verifyCsrfToken } from './csrf.ts';
import { grantFirstParty } from './first-party-grant.ts';
import {
  decideSignInErrors,
  describeRefusal,
  type FieldErrors,
  parseName,
  registerFormSchema,
  signInFormSchema,
} from './forms.ts';
import {
  type InteractionAnswer,
  type InteractionRoute,
  type InteractionUnitOptions,
  inUnit,
} from './interaction-unit.ts';

export type InteractionOptions = UnitOptions & {
  metrics: AuthMetrics;
  settings: Pick<AuthSettings, 'issuer' | 'registrationEnabled' | 'passwordMinimumLength'>;
  provider: Provider;
  cookieKeys: readonly string[];
  accounts: Accounts;
  findClient: (clientId: string) => ClientRegistration | undefined;
  pages: Pages;
  logger: Logger;
};

/** An interaction with what its pages need. */
type Opened = { interaction: Interaction; registration: ClientRegistration };

/** A form that did not come from one of our pages for this interaction. */
class ForgedForm extends Error {
  override name = 'ForgedForm';
}

/** Asked about in place of an account that there is none of, so that the answer takes as long. */
const nobody = 'nobody';

const readEpochs = async (store: Pick<TokenStoreClient, 'epochs'>, request: EpochsRequest): Promise<EpochsResponse> => {
  try {
    return await store.epochs(request);
  } catch (error) {
    currentUnit()?.unit.markAway();
    throw error;
  }
};

/** Our forms are a few hundred bytes. */
const formLimitBytes = 16 * 1024;

const asText = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 254) : '');

/** Sign-in and registration: what happens between an authorization request and its answer. */
export const createInteractionRoutes = (options: InteractionOptions): RequestHandler => {
  const { settings, provider, cookieKeys, accounts, findClient, pages, metrics, logger, store } = options;
  const base = `${issuerPath(settings.issuer)}${paths.interaction}`;

  const answerFailure: InteractionUnitOptions['answerFailure'] = (failure) => {
    const correlationId = randomUUID();
    const error = failure.kind === 'threw' ? failure.error : undefined;
    const failed = (status: number, message: string, wait?: number): InteractionAnswer => ({
      kind: 'page',
      status,
      page: pages.render('error', { message, detail: undefined, correlationId }),
      ...(wait !== undefined && { retryAfterSeconds: wait }),
    });
    if (failure.kind === 'unavailable') {
      logger.warn({ correlationId, err: failure.cause }, 'token store unavailable');
      return failed(503, texts.errors.unavailable, retryAfterSeconds);
    }
    if (failure.kind === 'refused') {
      logger.info({ correlationId, reason: failure.reason }, 'commit refused');
      return failed(400, texts.errors.overtaken);
    }
    if (error instanceof errors.SessionNotFound) return failed(400, texts.errors.expired);
    if (error instanceof ForgedForm) return failed(403, texts.errors.forgedForm);
    if (error instanceof HashingOverloaded) {
      logger.warn({ correlationId }, 'too many password hashes wait');
      return failed(503, texts.errors.busy, retryAfterSeconds);
    }
    if (isDatabaseUnavailable(error)) {
      logger.warn({ correlationId, code: databaseErrorCode(error) }, 'database unavailable');
      return failed(503, texts.errors.unavailable, retryAfterSeconds);
    }
    logger.error({ correlationId, err: error }, 'request failed');
    return failed(500, texts.errors.unexpected);
  };

  const open = async (request: Request, response: Response): Promise<Opened> => {
    const interaction = await provider.interactionDetails(request, response);
    const registration = findClient(asText(interaction.params['client_id']));
    // The cookie's path is the interaction's own, so another uid here is an address that somebody has put together.
    if (interaction.uid !== request.params['uid'] || registration === undefined) {
      throw new errors.SessionNotFound('interaction session not found');
    }
    return { interaction, registration };
  };

  const openForm = async (request: Request, response: Response): Promise<Opened> => {
    const opened = await open(request, response);
    const presented: unknown = request.body?.csrf;
    if (!verifyCsrfToken(cookieKeys, opened.interaction.uid, presented)) throw new ForgedForm();
    return opened;
  };

  const renderSignIn = (
    { interaction, registration }: Opened,
    values: { email: string; notice?: string; failed?: boolean; errors?: FieldErrors<'email' | 'password'> },
  ): InteractionAnswer => {
    const { email, notice, failed = false, errors: fieldErrors = {} } = values;
    const address = `${base}/${interaction.uid}`;
    const page = pages.render(
      'sign-in',
      {
        application: registration.clientName ?? registration.clientId,
        csrf: createCsrfToken(cookieKeys, interaction.uid),
        email,
        notice,
        failed,
        errors: fieldErrors,
        links: {
          signIn: `${address}/sign-in`,
          cancel: `${address}/cancel`,
          register: settings.registrationEnabled ? `${address}/register` : undefined,
        },
      },
      { formTargets: [asText(interaction.params['redirect_uri']), ...registration.redirectUris] },
    );
    const refused = failed || Object.keys(fieldErrors).length > 0;
    return { kind: 'page', status: refused ? 400 : 200, page };
  };

  const renderRegister = (
    { interaction, registration }: Opened,
    values: { email: string; name: string; errors: FieldErrors<'email' | 'password' | 'name'> },
  ): InteractionAnswer => {
    const address = `${base}/${interaction.uid}`;
    const page = pages.render(
      'register',
      {
        ...values,
        csrf: createCsrfToken(cookieKeys, interaction.uid),
        passwordMinimumLength: settings.passwordMinimumLength,
        links: { register: `${address}/register`, signInPage: address },
      },
      { formTargets: registration.redirectUris },
    );
    return { kind: 'page', status: Object.keys(values.errors).length > 0 ? 400 : 200, page };
  };

  const show: InteractionRoute = async (request, response) => {
    const opened = await open(request, response);
    const { interaction, registration } = opened;
    const accountId = interaction.session?.accountId;
    if (interaction.prompt.name !== 'consent' || accountId === undefined) {
      return renderSignIn(opened, { email: asText(interaction.params['login_hint']) });
    }
    const grantId = await grantFirstParty(provider, interaction, { accountId, registration, isNewSignIn: false });
    const location = await provider.interactionResult(request, response, { consent: { grantId } });
    return { kind: 'redirect', location };
  };

  const signIn: InteractionRoute = async (request, response) => {
    const opened = await openForm(request, response);
    const form = signInFormSchema.parse(request.body);
    const fieldErrors = decideSignInErrors(form);
    if (Object.keys(fieldErrors).length > 0) return renderSignIn(opened, { email: form.email, errors: fieldErrors });
    const client = opened.registration.clientId;
    let epochs: EpochsResponse = {};
    const account = await accounts.authenticate(form, async (subject = nobody) => {
      epochs = await readEpochs(store, { subject, clientId: client });
    });
    if (account === undefined) {
      metrics.countSignIn('refused');
      logger.info({ client }, 'sign-in refused');
      return renderSignIn(opened, { email: form.email, failed: true });
    }
    currentUnit()?.unit.verified({ subject: account.id, clientId: client }, epochs);
    const grantId = await grantFirstParty(provider, opened.interaction, {
      accountId: account.id,
      registration: opened.registration,
      isNewSignIn: true,
    });
    const login = { accountId: account.id, acr: passwordAcr, amr: ['pwd'] };
    const location = await provider.interactionResult(request, response, { login, consent: { grantId } });
    metrics.countSignIn('succeeded');
    logger.info({ client, subject: account.id }, 'signed in');
    return { kind: 'redirect', location };
  };

  const showRegister: InteractionRoute = async (request, response) =>
    renderRegister(await open(request, response), { email: '', name: '', errors: {} });

  const register: InteractionRoute = async (request, response) => {
    const opened = await openForm(request, response);
    const form = registerFormSchema.parse(request.body);
    const refused = (fieldErrors: FieldErrors<'email' | 'password' | 'name'>): InteractionAnswer =>
      renderRegister(opened, { email: form.email, name: form.name, errors: fieldErrors });
    const parsed = parseName(form.name);
    if (!parsed.ok) return refused({ name: texts.fieldErrors.nameTooLong });
    const refusal = await accounts.register({ email: form.email, password: form.password, name: parsed.name });
    metrics.countRegistration(refusal === undefined ? 'accepted' : 'refused');
    if (refusal !== undefined) return refused(describeRefusal(refusal, form, settings.passwordMinimumLength));
    // The same page whether or not the address had an account: only whoever knows its password gets further.
    logger.info({ client: opened.registration.clientId }, 'registration accepted');
    return renderSignIn(opened, { email: form.email.trim(), notice: texts.signIn.registered });
  };

  const cancel: InteractionRoute = async (request, response) => {
    await openForm(request, response);
    const result = { error: 'access_denied', error_description: 'the user has cancelled' };
    return { kind: 'redirect', location: await provider.interactionResult(request, response, result) };
  };

  const run = (route: InteractionRoute): RequestHandler => inUnit({ ...options, answerFailure }, route);
  const parseForm = express.urlencoded({ extended: false, limit: formLimitBytes, parameterLimit: 20 });
  const routes = Router({ mergeParams: true });
  routes.get('/:uid', run(show));
  routes.post('/:uid/sign-in', parseForm, run(signIn));
  if (settings.registrationEnabled) {
    routes.get('/:uid/register', run(showRegister));
    routes.post('/:uid/register', parseForm, run(register));
  }
  routes.post('/:uid/cancel', parseForm, run(cancel));
  // A reload or a bookmark of what a form was sent to begins with the page again.
  routes.get(['/:uid/sign-in', '/:uid/cancel'], (request, response) => {
    response.redirect(303, `${base}/${encodeURIComponent(String(request.params['uid']))}`);
  });
  return routes;
};
