import { type RequestHandler, Router } from 'express';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Accounts } from '../accounts/accounts.ts';
import type { MailLink } from '../accounts/mail-links.ts';
import { clientAddressOf } from '../audit/client-address.ts';
import { createAnswerFailure } from '../interactions/answer-failure.ts';
import { parseForm } from '../interactions/interaction-routes.ts';
import { type InteractionAnswer, type InteractionRoute, inUnit } from '../interactions/interaction-unit.ts';
import { describeThrottling } from '../interactions/throttled-notice.ts';
import type { Pages } from '../pages/pages.ts';
import { texts } from '../pages/texts.ts';
import { issuerPath, paths } from '../provider/issuer.ts';
import type { AuthSettings } from '../settings.ts';
import { createDeviceCookies } from '../throttling/device-cookies.ts';
import type { UnitOptions } from '../unit-of-work/unit-middleware.ts';

export type LinkRoutesOptions = UnitOptions & {
  settings: Pick<AuthSettings, 'issuer' | 'passwordMinimumLength'>;
  cookieKeys: readonly string[];
  accounts: Accounts;
  pages: Pages;
  logger: Logger;
};

// One that is missing, sent twice or endless is a link that does not hold.
const token = z.string().max(100).catch('');

/** Whether a link that confirms an address is to set a new password instead. */
const choose = z.literal('password').optional().catch(undefined);
const querySchema = z.object({ token, choose });
const formSchema = z.object({ token, choose, password: z.string().max(4096).catch('') });

type PageAnswer = Extract<InteractionAnswer, { kind: 'page' }>;
type Trouble = { alert?: string; error?: string };
type Choice = z.infer<typeof choose>;
type Opened = MailLink & { readonly chosen?: Choice };

const words = texts.link;

/**
 * Links of mails. Opening one shows a page and changes nothing, since programs that scan mails open them all; the button on
 * it does. The token is what a form needs to be believed: nobody else's page knows it.
 */
export const createLinkRoutes = (options: LinkRoutesOptions): RequestHandler => {
  const { settings, accounts, pages, logger } = options;
  const base = issuerPath(settings.issuer);
  const minimumLength = settings.passwordMinimumLength;
  const devices = createDeviceCookies(options);

  /** The owner of a mailbox who knows no password of the registration uses its link to set one. */
  const open = (link: MailLink | undefined, choice: Choice): Opened | undefined =>
    link?.purpose === 'confirm_address' && choice !== undefined
      ? { ...link, purpose: 'reset_password', chosen: choice }
      : link;

  const renderDone = (title: string, lead: string, status = 200): InteractionAnswer => ({
    kind: 'page',
    status,
    page: pages.render('done', {
      title,
      lead,
      link: { label: words.toAccount, href: `${base}${paths.account}` },
    }),
  });
  const renderExpired = (): InteractionAnswer => renderDone(words.expiredTitle, words.expired, 400);

  const wordsFor = ({ account, newEmail = '', ...link }: MailLink, error: string | undefined) => {
    switch (link.purpose) {
      case 'confirm_address':
        return {
          title: words.confirmTitle,
          lead: words.confirmLead(account.email),
          submit: words.confirmSubmit,
          password: { label: texts.password, autocomplete: 'current-password', ...(error !== undefined && { error }) },
        } as const;
      case 'confirm_new_address':
        return {
          title: words.confirmTitle,
          lead: words.newAddressLead(newEmail),
          submit: words.confirmSubmit,
          password: undefined,
        } as const;
      case 'reset_password':
        return {
          title: words.resetTitle,
          lead: words.resetLead(account.email),
          submit: words.resetSubmit,
          password: {
            label: words.newPassword,
            autocomplete: 'new-password',
            ...(error === undefined ? { hint: texts.register.passwordHint(minimumLength) } : { error }),
          },
        } as const;
    }
  };

  const renderLink = (link: Opened, linkToken: string, { alert, error }: Trouble = {}): PageAnswer => ({
    kind: 'page',
    status: alert === undefined && error === undefined ? 200 : 400,
    page: pages.render('link', {
      ...wordsFor(link, error),
      chosen: link.chosen,
      other:
        link.purpose === 'confirm_address'
          ? {
              label: words.choosePassword,
              href: `${base}${paths.link}?${new URLSearchParams({ token: linkToken, choose: 'password' })}`,
            }
          : undefined,
      token: linkToken,
      action: `${base}${paths.link}`,
      email: link.account.email,
      alert,
    }),
  });

  const show: InteractionRoute = async (request) => {
    const { token: linkToken, choose: choice } = querySchema.parse(request.query);
    const link = open(await accounts.findLink(linkToken), choice);
    return link === undefined ? renderExpired() : renderLink(link, linkToken);
  };

  const use: InteractionRoute = async (request) => {
    const form = formSchema.parse(request.body ?? {});
    const link = open(await accounts.findLink(form.token), form.choose);
    if (link === undefined) return renderExpired();
    const origin = { clientAddress: clientAddressOf(request) };
    if (link.purpose === 'reset_password') {
      if (form.password === '') return renderLink(link, form.token, { error: texts.fieldErrors.newPasswordRequired });
      const outcome = await accounts.resetPassword({ ...form, origin });
      logger.info({ subject: link.account.id, outcome: outcome.kind }, 'password reset by link');
      if (outcome.kind === 'expired') return renderExpired();
      if (outcome.kind === 'reset') {
        // Whoever reads the owner's mail is no stranger: guesses of others must not hold up what comes next.
        return { ...renderDone(words.reset, words.resetDone), setCookies: [devices.remember(request, outcome.email)] };
      }
      return renderLink(link, form.token, { error: texts.passwordRefusals(minimumLength)[outcome.reason] });
    }
    if (link.purpose === 'confirm_address' && form.password === '') {
      return renderLink(link, form.token, { error: texts.fieldErrors.passwordRequired });
    }
    const outcome =
      link.purpose === 'confirm_address'
        ? await accounts.confirmAddress({ ...form, origin })
        : await accounts.confirmNewAddress({ token: form.token, origin });
    logger.info({ subject: link.account.id, outcome: outcome.kind }, 'address confirmed by link');
    switch (outcome.kind) {
      case 'confirmed':
        return renderDone(
          words.confirmed,
          link.purpose === 'confirm_address' ? words.confirmedLead : words.newAddressLeadDone,
        );
      case 'expired':
        return renderExpired();
      case 'refused':
        return renderLink(link, form.token, { error: words.wrongPassword });
      case 'throttled': {
        const { retryAfterSeconds } = outcome;
        const page = renderLink(link, form.token, { alert: describeThrottling(retryAfterSeconds) });
        return { ...page, status: 429, retryAfterSeconds };
      }
    }
  };

  const answerFailure = createAnswerFailure(options);
  const run = (route: InteractionRoute): RequestHandler => inUnit({ ...options, answerFailure }, route);
  const routes = Router();
  routes.use((_request, response, next) => {
    // The address of the page is the secret.
    response.set('Referrer-Policy', 'no-referrer');
    next();
  });
  routes.get('/', run(show));
  routes.post('/', parseForm, run(use));
  return routes;
};
