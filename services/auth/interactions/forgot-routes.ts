import { texts } from '../pages/texts.ts';
import { forgotFormSchema } from './forms.ts';
import type { InteractionContext, Opened } from './interaction-context.ts';
import type { InteractionAnswer, InteractionRoute } from './interaction-unit.ts';
import { renderSignIn } from './sign-in-routes.ts';
import { describeThrottling } from './throttled-notice.ts';

type PageValues = { email: string; error?: string; retryAfterSeconds?: number };

const renderForgot = (
  { pages }: InteractionContext,
  { address, csrf }: Opened,
  { email, error, retryAfterSeconds }: PageValues,
): InteractionAnswer => {
  const page = pages.render('forgot', {
    email,
    csrf,
    errors: error === undefined ? {} : { email: error },
    alert: retryAfterSeconds === undefined ? undefined : describeThrottling(retryAfterSeconds),
    links: { forgot: `${address}/forgot`, signInPage: address },
  });
  if (retryAfterSeconds !== undefined) return { kind: 'page', status: 429, page, retryAfterSeconds };
  return { kind: 'page', status: error === undefined ? 200 : 400, page };
};

/** A forgotten password: asks for the mail, and says the same whether or not there is an account. */
export const createForgotRoutes = (
  context: InteractionContext,
): { showForgot: InteractionRoute; forgot: InteractionRoute } => {
  const { accounts, logger, open, openForm } = context;
  return {
    showForgot: async (request, response) => renderForgot(context, await open(request, response), { email: '' }),
    forgot: async (request, response) => {
      const opened = await openForm(request, response);
      const { email } = forgotFormSchema.parse(request.body);
      const outcome = await accounts.requestReset({ email, origin: opened.origin });
      logger.info({ client: opened.registration.clientId, outcome: outcome.kind }, 'password reset requested');
      switch (outcome.kind) {
        case 'refused': {
          const { emailRequired, emailInvalid } = texts.fieldErrors;
          return renderForgot(context, opened, { email, error: email.trim() === '' ? emailRequired : emailInvalid });
        }
        case 'throttled':
          return renderForgot(context, opened, { email, retryAfterSeconds: outcome.retryAfterSeconds });
        case 'accepted': {
          const typed = email.trim();
          return renderSignIn(context, opened, { email: typed, notice: texts.signIn.resetSent(typed) });
        }
      }
    },
  };
};
