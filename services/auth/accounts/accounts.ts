import type { PostgresPool } from '../../shared/postgres-pool.ts';
import type { ChangeAccounts } from './account-changes.ts';
import { type Account, createAccountRepository } from './account-repository.ts';
import { type AccountSettings, createAccountSettings } from './account-settings.ts';
import { type AddressConfirmation, createAddressConfirmation } from './address-confirmation.ts';
import { type Authenticate, createAuthentication } from './authentication.ts';
import { createMailLinks, type MailLink } from './mail-links.ts';
import type { PasswordHashing } from './password-hashing.ts';
import { createPasswordReset, type PasswordReset } from './password-reset.ts';
import { createRegistration, type Register } from './registration.ts';

/** Everything that pages and the provider ask of accounts. Rejects with `HashingOverloaded` or the database's error. */
export type Accounts = AddressConfirmation &
  PasswordReset &
  AccountSettings & {
    authenticate: Authenticate;
    register: Register;
    findById(id: string): Promise<Account | undefined>;
    /** What a link of a mail is for, when it holds; changes nothing. */
    findLink(token: string): Promise<MailLink | undefined>;
  };

export type AccountsOptions = {
  pool: PostgresPool;
  hashing: PasswordHashing;
  passwordMinimumLength: number;
  /** Whether the tenant has mail: addresses are then confirmed before anybody signs in, and owners are told of changes. */
  sendsMail: boolean;
  newId: () => string;
  change: ChangeAccounts;
};

export const createAccounts = (options: AccountsOptions): Accounts => {
  const { pool, sendsMail } = options;
  const shared = { ...options, confirmsAddresses: sendsMail };
  return {
    ...createAddressConfirmation(shared),
    ...createPasswordReset(shared),
    ...createAccountSettings(shared),
    authenticate: createAuthentication(shared),
    register: createRegistration(shared),
    findById: (id) => createAccountRepository(pool).findById(id),
    findLink: (token) => createMailLinks(pool).find(token),
  };
};
