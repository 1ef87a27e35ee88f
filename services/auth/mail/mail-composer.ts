import type { Queryable } from '../../shared/postgres-pool.ts';
import { createAccountRepository } from '../accounts/account-repository.ts';
import { parseEmailAddress } from '../accounts/email-address.ts';
import { createMailLinks, type LinkPurpose, newLinkToken } from '../accounts/mail-links.ts';
import { type MailWords, texts } from '../pages/texts.ts';
import type { Letter } from './mail-message.ts';
import type { MailRequest } from './mail-request.ts';

/** A letter and the address that it goes to. */
export type ComposedMail = { readonly to: string; readonly letter: Letter };

type Recipient = { readonly id: string; readonly email: string; readonly revision: number };

export type MailComposerOptions = {
  readonly database: Queryable;
  /** Address of a page of ours; `path` begins with a slash. */
  readonly linkTo: (page: 'link' | 'account', query?: Record<string, string>) => string;
  readonly brandName: () => string;
};

const buildLetter = ({ subject, paragraphs, action }: MailWords, url = ''): Letter => ({
  subject,
  paragraphs,
  ...(action !== undefined && { action: { ...action, url } }),
});

/**
 * Makes the letter for a request, and the link that is in it. Undefined when there is nothing to say any more: nobody has the
 * address, or the account has changed since.
 */
export const composeMail = async (
  request: MailRequest,
  { database, linkTo, brandName }: MailComposerOptions,
): Promise<ComposedMail | undefined> => {
  const accounts = createAccountRepository(database);
  const brand = brandName();

  const linkFor = async (purpose: LinkPurpose, { id, revision }: Recipient, newEmail?: string): Promise<string> => {
    const token = newLinkToken();
    const link = { purpose, accountId: id, revision, ...(newEmail !== undefined && { newEmail }) };
    await createMailLinks(database).insert(token, link);
    return linkTo('link', { token });
  };
  const findUnchanged = async (accountId: string, revision: number): Promise<Recipient | undefined> => {
    const account = await accounts.findById(accountId);
    return account?.revision === revision ? account : undefined;
  };
  const tellOfAccount = ({ email }: Recipient): ComposedMail => ({
    to: email,
    letter: buildLetter(texts.mail.accountExists(brand), linkTo('account')),
  });

  switch (request.kind) {
    case 'confirm_address': {
      const recipient = await findUnchanged(request.accountId, request.revision);
      if (recipient === undefined) return undefined;
      const url = await linkFor('confirm_address', recipient);
      return { to: recipient.email, letter: buildLetter(texts.mail.confirmAddress(brand), url) };
    }
    case 'reset_password': {
      const email = parseEmailAddress(request.email);
      const recipient = email === undefined ? undefined : (await accounts.findByEmail(email))?.account;
      if (recipient === undefined) return undefined;
      const url = await linkFor('reset_password', recipient);
      return { to: recipient.email, letter: buildLetter(texts.mail.resetPassword(brand), url) };
    }
    case 'confirm_new_address': {
      const recipient = await findUnchanged(request.accountId, request.revision);
      const email = parseEmailAddress(request.newEmail);
      if (recipient === undefined || email === undefined) return undefined;
      const holder = (await accounts.findByEmail(email))?.account;
      if (holder !== undefined && holder.id !== recipient.id) return tellOfAccount(holder);
      const url = await linkFor('confirm_new_address', recipient, request.newEmail);
      return { to: request.newEmail, letter: buildLetter(texts.mail.confirmNewAddress(brand), url) };
    }
    case 'account_exists': {
      const account = await accounts.findById(request.accountId);
      return account && tellOfAccount(account);
    }
    case 'address_changed':
      return { to: request.oldEmail, letter: buildLetter(texts.mail.addressChanged(brand)) };
    case 'password_changed': {
      const account = await accounts.findById(request.accountId);
      return account && { to: account.email, letter: buildLetter(texts.mail.passwordChanged(brand)) };
    }
  }
};
