import type { Request, Response } from 'express';
import type { Provider } from 'oidc-provider';
import type { Logger } from 'pino';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { ChangeAccounts } from '../accounts/account-changes.ts';
import type { Account } from '../accounts/account-repository.ts';
import type { Accounts } from '../accounts/accounts.ts';
import type { RequestOrigin } from '../audit/audit-event.ts';
import { clientAddressOf } from '../audit/client-address.ts';
import type { Consents } from '../consent/consents.ts';
import { createCsrfToken, verifyCsrfToken } from '../interactions/csrf.ts';
import { ForgedForm } from '../interactions/forged-form.ts';
import type { Pages } from '../pages/pages.ts';
import type { AuthSettings } from '../settings.ts';
import type { UnitOptions } from '../unit-of-work/unit-middleware.ts';
import { accountClientId } from './account-client.ts';

export type AccountRoutesOptions = UnitOptions & {
  settings: Pick<AuthSettings, 'issuer' | 'passwordMinimumLength' | 'mail'>;
  provider: Provider;
  cookieKeys: readonly string[];
  accounts: Accounts;
  consents: Consents;
  change: ChangeAccounts;
  findClient: (clientId: string) => ClientRegistration | undefined;
  pages: Pages;
  logger: Logger;
};

/** Somebody who is signed in, as the account page sees them. */
export type Owner = {
  readonly account: Account;
  readonly sessionUid: string;
  readonly origin: RequestOrigin;
  /** For the page's forms. */
  readonly csrf: string;
};

const csrfSubject = (sessionUid: string): string => `account ${sessionUid}`;

/** Whose session the browser has; undefined for nobody's. Runs in a unit of work. */
export const findOwner = async (
  { provider, accounts, cookieKeys }: AccountRoutesOptions,
  request: Request,
  response: Response,
): Promise<Owner | undefined> => {
  const { accountId, uid } = await provider.Session.get(provider.createContext(request, response));
  const account = accountId === undefined ? undefined : await accounts.findById(accountId);
  if (account === undefined) return undefined;
  return {
    account,
    sessionUid: uid,
    origin: { clientAddress: clientAddressOf(request), clientId: accountClientId },
    csrf: createCsrfToken(cookieKeys, csrfSubject(uid)),
  };
};

/** Throws `ForgedForm` for a form that did not come from this session's page. */
export const checkForm = ({ cookieKeys }: AccountRoutesOptions, request: Request, { sessionUid }: Owner): void => {
  if (!verifyCsrfToken(cookieKeys, csrfSubject(sessionUid), request.body?.csrf)) throw new ForgedForm();
};
