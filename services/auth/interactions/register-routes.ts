import { texts } from '../pages/texts.ts';
import { describeRefusal, type FieldErrors, parseName, registerFormSchema } from './forms.ts';
import type { InteractionContext, Opened } from './interaction-context.ts';
import type { InteractionAnswer, InteractionRoute } from './interaction-unit.ts';
import { renderSignIn } from './sign-in-routes.ts';
import { describeThrottling } from './throttled-notice.ts';

type PageValues = {
  email: string;
  name: string;
  errors?: FieldErrors<'email' | 'password' | 'name'>;
  retryAfterSeconds?: number;
};

const renderRegister = (
  { pages, settings }: InteractionContext,
  { registration, address, csrf }: Opened,
  { email, name, errors = {}, retryAfterSeconds }: PageValues,
): InteractionAnswer => {
  const page = pages.render(
    'register',
    {
      email,
      name,
      errors,
      alert: retryAfterSeconds === undefined ? undefined : describeThrottling(retryAfterSeconds),
      csrf,
      passwordMinimumLength: settings.passwordMinimumLength,
      links: { register: `${address}/register`, signInPage: address },
    },
    { formTargets: registration.redirectUris },
  );
  if (retryAfterSeconds !== undefined) return { kind: 'page', status: 429, page, retryAfterSeconds };
  return { kind: 'page', status: Object.keys(errors).length > 0 ? 400 : 200, page };
};

/** Registration, from the page to sign in and back to it. */
export const createRegisterRoutes = (
  context: InteractionContext,
): { showRegister: InteractionRoute; register: InteractionRoute } => {
  const { accounts, metrics, settings, logger, open, openForm } = context;
  return {
    showRegister: async (request, response) =>
      renderRegister(context, await open(request, response), { email: '', name: '' }),
    register: async (request, response) => {
      const opened = await openForm(request, response);
      const form = registerFormSchema.parse(request.body);
      const { email, name } = form;
      const parsed = parseName(name);
      if (!parsed.ok) {
        return renderRegister(context, opened, { email, name, errors: { name: texts.fieldErrors.nameTooLong } });
      }
      const outcome = await accounts.register({ ...form, name: parsed.name, origin: opened.origin });
      metrics.countRegistration(outcome.kind);
      switch (outcome.kind) {
        case 'throttled':
          return renderRegister(context, opened, { email, name, retryAfterSeconds: outcome.retryAfterSeconds });
        case 'refused': {
          const errors = describeRefusal(outcome.refusal, form, settings.passwordMinimumLength);
          return renderRegister(context, opened, { email, name, errors });
        }
        case 'accepted': {
          // The same page whether or not the address had an account: only its owner gets further.
          logger.info({ client: opened.registration.clientId }, 'registration accepted');
          const typed = email.trim();
          const notice = settings.mail === undefined ? texts.signIn.registered : texts.signIn.registeredWithMail(typed);
          return renderSignIn(context, opened, { email: typed, notice });
        }
      }
    },
  };
};
