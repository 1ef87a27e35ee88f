import { readdirSync, readFileSync } from 'node:fs';
import { Eta } from 'eta';
import type { AccountPageValues } from './account-page-values.ts';
import type { AssetLinks } from './assets.ts';
import type { Branding } from './brand.ts';
import { buildContentSecurityPolicy, type PageNeeds } from './content-security-policy.ts';
import { texts } from './texts.ts';

/** Values of a page's own template, besides those of the layout. */
type PageValues = {
  'sign-in': {
    application: string;
    csrf: string;
    email: string;
    notice: string | undefined;
    /** What went wrong, above the form. */
    alert: string | undefined;
    errors: { email?: string; password?: string };
    links: { signIn: string; cancel: string; register: string | undefined; forgot: string | undefined };
  };
  register: {
    csrf: string;
    email: string;
    name: string;
    passwordMinimumLength: number;
    alert: string | undefined;
    errors: { email?: string; name?: string; password?: string };
    links: { register: string; signInPage: string };
  };
  forgot: {
    csrf: string;
    email: string;
    alert: string | undefined;
    errors: { email?: string };
    links: { forgot: string; signInPage: string };
  };
  /** A link of a mail, before it is used: with the password that is asked for or wanted, or with a button alone. */
  link: {
    title: string;
    lead: string;
    submit: string;
    token: string;
    action: string;
    /** What the form says besides, so that it does what the page was opened for. */
    chosen: string | undefined;
    /** Another use of the link. */
    other: { label: string; href: string } | undefined;
    /** For password managers. */
    email: string;
    alert: string | undefined;
    password:
      | { label: string; autocomplete: 'current-password' | 'new-password'; hint?: string; error?: string }
      | undefined;
  };
  consent: {
    application: string;
    email: string;
    /** In words. */
    scopes: readonly string[];
    policyUrl: string | undefined;
    csrf: string;
    action: string;
  };
  account: AccountPageValues;
  /** Something was done. */
  done: { title: string; lead: string; link: { label: string; href: string } | undefined };
  'sign-out': { action: string; xsrf: string };
  'signed-out': { stillSignedIn: boolean; application: string | undefined };
  'device-code': {
    action: string;
    xsrf: string;
    code: string;
    notice: string | undefined;
    problem: string | undefined;
  };
  'device-confirm': { action: string; xsrf: string; code: string; application: string };
  'device-done': { application: string };
  error: { message: string; detail: string | undefined; correlationId: string };
};
export type PageName = keyof PageValues;

const titles: { [Name in PageName]: (values: PageValues[Name]) => string } = {
  'sign-in': () => texts.signIn.title,
  register: () => texts.register.title,
  forgot: () => texts.forgot.title,
  account: () => texts.account.title,
  consent: () => texts.consent.title,
  link: ({ title }) => title,
  done: ({ title }) => title,
  'sign-out': () => texts.signOut.title,
  'signed-out': ({ stillSignedIn }) => (stillSignedIn ? texts.signedOut.stillSignedInTitle : texts.signedOut.title),
  'device-code': () => texts.device.title,
  'device-confirm': () => texts.device.confirmTitle,
  'device-done': () => texts.device.doneTitle,
  error: () => texts.errors.title,
};

/** A page ready to be sent, whatever the framework. */
export type RenderedPage = { body: string; headers: Record<string, string> };

export type Pages = {
  render<Name extends PageName>(
    name: Name,
    values: PageValues[Name],
    needs?: Pick<PageNeeds, 'formTargets'>,
  ): RenderedPage;
};

/** Reads the templates once. `branding` is asked for each page, since it changes without a restart. */
export const createPages = (assets: { links(): AssetLinks }, branding: () => Branding): Pages => {
  const directory = new URL('./templates/', import.meta.url);
  const eta = new Eta({ autoEscape: true, cache: true, useWith: false });
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.eta'))) {
    // A name with @ is looked up among loaded templates, never on the disk.
    eta.loadTemplate(`@${file.slice(0, -'.eta'.length)}`, readFileSync(new URL(file, directory), 'utf8'));
  }
  return {
    render: (name, values, { formTargets } = { formTargets: [] }) => {
      const brand = branding();
      const body = eta.render(`@${name}`, {
        ...values,
        brand,
        texts,
        title: titles[name](values),
        assets: assets.links(),
      });
      const imageSources = brand.logoUrl === undefined ? [] : [brand.logoUrl];
      return {
        body,
        headers: {
          'Content-Type': 'text/html; charset=utf-8',
          'Cache-Control': 'no-store',
          'Content-Security-Policy': buildContentSecurityPolicy({ formTargets, imageSources }),
        },
      };
    },
  };
};
