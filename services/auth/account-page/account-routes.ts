import { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import { createAnswerFailure } from '../interactions/answer-failure.ts';
import { parseName } from '../interactions/forms.ts';
import { parseForm } from '../interactions/interaction-routes.ts';
import { type InteractionAnswer, type InteractionRoute, inUnit } from '../interactions/interaction-unit.ts';
import { describeThrottling } from '../interactions/throttled-notice.ts';
import type { AccountPageValues } from '../pages/account-page-values.ts';
import { texts } from '../pages/texts.ts';
import { issuerPath, paths } from '../provider/issuer.ts';
import { buildSignInAddress } from './account-client.ts';
import { type AccountRoutesOptions, checkForm, findOwner, type Owner } from './account-context.ts';
import { describeConsent, describeSession } from './account-view.ts';

const words = texts.account;
type Notice = keyof typeof words.notices;

const text = z.string().max(4096).catch('');
const nameForm = z.object({ name: text });
const emailForm = z.object({ newEmail: text, emailPassword: text });
const passwordForm = z.object({ currentPassword: text, newPassword: text });
const sessionForm = z.object({ session: text });
const applicationForm = z.object({ application: text });
// Known names only: what an address says is never shown.
const noticeQuery = z.object({ done: z.string().refine((name): name is Notice => Object.hasOwn(words.notices, name)) });

type Trouble = Partial<Pick<AccountPageValues, 'errors' | 'alert' | 'newEmail'>> & { retryAfterSeconds?: number };

/** Does what a form asks for, for the one whose session it came with. */
type Action = (request: Request, owner: Owner) => Promise<Notice | Trouble>;

/** The account page: who is signed in sees and changes what is theirs. */
export const createAccountRoutes = (options: AccountRoutesOptions): RequestHandler => {
  const { settings, accounts, consents, change, store, findClient, pages, logger } = options;
  const base = `${issuerPath(settings.issuer)}${paths.account}`;
  const nameOf = (clientId: string): string | undefined => findClient(clientId)?.clientName;

  const renderAccount = async (
    { account, sessionUid, csrf }: Owner,
    { errors = {}, alert, newEmail = '', notice, retryAfterSeconds }: Trouble & { notice?: string | undefined },
  ): Promise<InteractionAnswer> => {
    const [{ sessions }, agreed] = await Promise.all([
      store.listSessions({ subject: account.id }),
      consents.list(account.id),
    ]);
    const page = pages.render('account', {
      csrf,
      base,
      account: { email: account.email, emailVerified: account.emailVerified, name: account.name ?? '' },
      newEmail,
      passwordMinimumLength: settings.passwordMinimumLength,
      sendsMail: settings.mail !== undefined,
      // The one that somebody looks from comes first.
      sessions: sessions
        .map((session) => describeSession(session, { current: sessionUid, nameOf }))
        .sort((a, b) => Number(b.isCurrent) - Number(a.isCurrent)),
      applications: agreed.map((consent) => describeConsent(consent, nameOf)),
      notice,
      alert,
      errors,
      signOutPage: `${issuerPath(settings.issuer)}${paths.signOut}`,
    });
    if (retryAfterSeconds !== undefined) return { kind: 'page', status: 429, page, retryAfterSeconds };
    return { kind: 'page', status: alert === undefined && Object.keys(errors).length === 0 ? 200 : 400, page };
  };

  const askToSignIn = (): InteractionAnswer => ({ kind: 'redirect', location: buildSignInAddress(settings.issuer) });

  const show: InteractionRoute = async (request, response) => {
    const owner = await findOwner(options, request, response);
    if (owner === undefined) return askToSignIn();
    const done = noticeQuery.safeParse(request.query);
    return renderAccount(owner, { notice: done.success ? words.notices[done.data.done] : undefined });
  };

  /** Back from signing in, or from deciding against it. */
  const signedIn: InteractionRoute = async (request) => {
    if (request.query['error'] === undefined) return { kind: 'redirect', location: base };
    const link = { label: words.signIn, href: base };
    const page = pages.render('done', { title: words.notSignedIn, lead: words.notSignedInLead, link });
    return { kind: 'page', status: 200, page };
  };

  const changeName: Action = async (request, { account, origin }) => {
    const parsed = parseName(nameForm.parse(request.body).name);
    if (!parsed.ok) return { errors: { name: texts.fieldErrors.nameTooLong } };
    await accounts.changeName(account.id, { name: parsed.name, origin });
    return 'name';
  };

  const changeEmail: Action = async (request, { account, sessionUid, origin }) => {
    const { newEmail, emailPassword } = emailForm.parse(request.body);
    const missing = {
      ...(newEmail.trim() === '' && { newEmail: texts.fieldErrors.emailRequired }),
      ...(emailPassword === '' && { emailPassword: texts.fieldErrors.passwordRequired }),
    };
    if (Object.keys(missing).length > 0) return { errors: missing, newEmail };
    const form = { newEmail, current: emailPassword, sessionUid, origin };
    const outcome = await accounts.requestNewAddress(account.id, form);
    switch (outcome.kind) {
      case 'accepted':
        return 'newEmail';
      case 'invalid':
        return { errors: { newEmail: texts.fieldErrors.emailInvalid }, newEmail };
      case 'wrong_password':
        return { errors: { emailPassword: words.wrongPassword }, newEmail };
      case 'throttled':
        return {
          alert: describeThrottling(outcome.retryAfterSeconds),
          newEmail,
          retryAfterSeconds: outcome.retryAfterSeconds,
        };
      case 'overtaken':
        return { alert: words.overtaken };
    }
  };

  const changePassword: Action = async (request, { account, sessionUid, origin }) => {
    const { currentPassword, newPassword } = passwordForm.parse(request.body);
    const missing = {
      ...(currentPassword === '' && { currentPassword: texts.fieldErrors.passwordRequired }),
      ...(newPassword === '' && { newPassword: texts.fieldErrors.newPasswordRequired }),
    };
    if (Object.keys(missing).length > 0) return { errors: missing };
    const form = { current: currentPassword, wanted: newPassword, sessionUid, origin };
    const outcome = await accounts.changePassword(account.id, form);
    switch (outcome.kind) {
      case 'changed':
        return 'password';
      case 'refused':
        return {
          errors: { newPassword: texts.passwordRefusals(settings.passwordMinimumLength)[outcome.reason] },
        };
      case 'wrong_password':
        return { errors: { currentPassword: words.wrongPassword } };
      case 'throttled':
        return { alert: describeThrottling(outcome.retryAfterSeconds), retryAfterSeconds: outcome.retryAfterSeconds };
      case 'overtaken':
        return { alert: words.overtaken };
    }
  };

  const sendConfirmation: Action = async (_request, { account, origin }) => {
    await accounts.sendConfirmation(account.id, origin);
    return 'confirmation';
  };

  const endSession: Action = async (request, { account, origin }) => {
    const { session: sessionUid } = sessionForm.parse(request.body);
    const { sessions } = await store.listSessions({ subject: account.id });
    // Nobody ends a session of somebody else's; one that has ended meanwhile is what was asked for.
    if (!sessions.some(({ uid }) => uid === sessionUid)) return 'session';
    await change(async () => ({
      value: undefined,
      events: [{ event: 'session_ended', accountId: account.id, origin }],
      outbox: [{ topic: 'revoke_session', payload: { sessionUid } }],
    }));
    return 'session';
  };

  const endOtherSessions: Action = async (_request, { account, sessionUid, origin }) => {
    await change(async () => ({
      value: undefined,
      events: [{ event: 'signed_out_everywhere', accountId: account.id, origin }],
      outbox: [{ topic: 'revoke_subject', payload: { subject: account.id, keepSessionUid: sessionUid } }],
    }));
    return 'otherSessions';
  };

  const withdraw: Action = async (request, { account, origin }) => {
    const { application: clientId } = applicationForm.parse(request.body);
    await consents.withdraw({ accountId: account.id, clientId }, origin);
    return 'application';
  };

  const post =
    (name: string, action: Action): InteractionRoute =>
    async (request: Request, response: Response) => {
      const owner = await findOwner(options, request, response);
      if (owner === undefined) return askToSignIn();
      checkForm(options, request, owner);
      const result = await action(request, owner);
      const isDone = typeof result === 'string';
      logger.info({ subject: owner.account.id, action: name, done: isDone }, 'account page');
      return isDone ? { kind: 'redirect', location: `${base}?done=${result}` } : renderAccount(owner, result);
    };

  const answerFailure = createAnswerFailure(options);
  const run = (route: InteractionRoute): RequestHandler => inUnit({ ...options, answerFailure }, route);
  const actions: Record<string, Action> = {
    name: changeName,
    password: changePassword,
    session: endSession,
    'other-sessions': endOtherSessions,
    application: withdraw,
    ...(settings.mail !== undefined && { email: changeEmail, confirmation: sendConfirmation }),
  };
  const routes = Router();
  routes.get('/', run(show));
  routes.get('/signed-in', run(signedIn));
  for (const [name, action] of Object.entries(actions)) {
    routes.post(`/${name}`, parseForm, run(post(name, action)));
    // A reload of what a form was sent to.
    routes.get(`/${name}`, (_request, response) => response.redirect(303, base));
  }
  return routes;
};
