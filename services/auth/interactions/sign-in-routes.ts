import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { EpochsRequest, EpochsResponse } from '../../token-store/contract.ts';
import type { SignInOutcome } from '../accounts/authentication.ts';
import { texts } from '../pages/texts.ts';
import { passwordAcr } from '../provider/configuration.ts';
import type { DeviceCookies } from '../throttling/device-cookies.ts';
import { currentUnit } from '../unit-of-work/current-unit.ts';
import { grantWhatIsAgreed, renderConsent } from './consent-routes.ts';
import { decideSignInErrors, type FieldErrors, signInFormSchema } from './forms.ts';
import { asText, type InteractionContext, type Opened } from './interaction-context.ts';
import type { InteractionAnswer, InteractionRoute } from './interaction-unit.ts';
import { describeThrottling } from './throttled-notice.ts';

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

export type SignInPageValues = {
  email: string;
  notice?: string;
  alert?: string;
  errors?: FieldErrors<'email' | 'password'>;
  retryAfterSeconds?: number;
};

/** The page to sign in, where most ways of an interaction come back to. */
export const renderSignIn = (
  { pages, settings }: InteractionContext,
  { interaction, registration, address, csrf }: Opened,
  { email, notice, alert, errors = {}, retryAfterSeconds }: SignInPageValues,
): InteractionAnswer => {
  const page = pages.render(
    'sign-in',
    {
      application: registration.clientName ?? registration.clientId,
      csrf,
      email,
      notice,
      alert,
      errors,
      links: {
        signIn: `${address}/sign-in`,
        cancel: `${address}/cancel`,
        register: settings.registrationEnabled ? `${address}/register` : undefined,
        forgot: settings.mail === undefined ? undefined : `${address}/forgot`,
      },
    },
    { formTargets: [asText(interaction.params['redirect_uri']), ...registration.redirectUris] },
  );
  if (retryAfterSeconds !== undefined) return { kind: 'page', status: 429, page, retryAfterSeconds };
  const refused = alert !== undefined || Object.keys(errors).length > 0;
  return { kind: 'page', status: refused ? 400 : 200, page };
};

export type SignInRoutes = { show: InteractionRoute; signIn: InteractionRoute; cancel: InteractionRoute };

export const createSignInRoutes = (context: InteractionContext, devices: DeviceCookies): SignInRoutes => {
  const { provider, accounts, metrics, logger, store, open, openForm } = context;

  const answerRefusal = async (
    opened: Opened,
    email: string,
    outcome: Exclude<SignInOutcome, { kind: 'signed_in' }>,
  ): Promise<InteractionAnswer> => {
    logger.info({ client: opened.registration.clientId, outcome: outcome.kind }, 'sign-in refused');
    switch (outcome.kind) {
      case 'refused':
        return renderSignIn(context, opened, { email, alert: texts.signIn.failed });
      case 'throttled': {
        const { retryAfterSeconds } = outcome;
        return renderSignIn(context, opened, {
          email,
          alert: describeThrottling(retryAfterSeconds),
          retryAfterSeconds,
        });
      }
      case 'unconfirmed':
        await accounts.sendConfirmation(outcome.account.id, opened.origin);
        return renderSignIn(context, opened, { email, alert: texts.signIn.unconfirmed });
    }
  };

  return {
    show: async (request, response) => {
      const opened = await open(request, response);
      const { interaction } = opened;
      const accountId = interaction.session?.accountId;
      if (interaction.prompt.name !== 'consent' || accountId === undefined) {
        return renderSignIn(context, opened, { email: asText(interaction.params['login_hint']) });
      }
      const grantId = await grantWhatIsAgreed(context, opened, { accountId, isNewSignIn: false, wasAsked: false });
      if (grantId === undefined) return renderConsent(context, opened, accountId);
      const location = await provider.interactionResult(request, response, { consent: { grantId } });
      return { kind: 'redirect', location };
    },
    signIn: async (request, response) => {
      const opened = await openForm(request, response);
      const form = signInFormSchema.parse(request.body);
      const errors = decideSignInErrors(form);
      if (Object.keys(errors).length > 0) return renderSignIn(context, opened, { email: form.email, errors });
      const { registration, origin } = opened;
      const { clientId } = registration;
      let epochs: EpochsResponse = {};
      const outcome = await accounts.authenticate({
        ...form,
        origin,
        findDevice: (email) => devices.find(request, email),
        beforeCredential: async (subject = nobody) => {
          epochs = await readEpochs(store, { subject, clientId });
        },
      });
      metrics.countSignIn(outcome.kind);
      if (outcome.kind !== 'signed_in') return answerRefusal(opened, form.email, outcome);
      const { id: accountId } = outcome.account;
      currentUnit()?.unit.verified({ subject: accountId, clientId }, epochs);
      const grantId = await grantWhatIsAgreed(context, opened, { accountId, isNewSignIn: true, wasAsked: false });
      const login = { accountId, acr: passwordAcr, amr: ['pwd'] };
      const location = await provider.interactionResult(request, response, {
        login,
        // Without it oidc-provider comes back with the question, when the session stands.
        ...(grantId !== undefined && { consent: { grantId } }),
      });
      logger.info({ client: registration.clientId, subject: accountId }, 'signed in');
      return { kind: 'redirect', location, setCookies: [devices.remember(request, outcome.email)] };
    },
    cancel: async (request, response) => {
      await openForm(request, response);
      const result = { error: 'access_denied', error_description: 'the user has cancelled' };
      return { kind: 'redirect', location: await provider.interactionResult(request, response, result) };
    },
  };
};
