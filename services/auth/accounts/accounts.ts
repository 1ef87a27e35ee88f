import type { Account, AccountRepository } from './account-repository.ts';
import { parseEmailAddress } from './email-address.ts';
import type { PasswordHashing } from './password-hashing.ts';
import {
  decidePasswordRefusal,
  isPasswordLengthBounded,
  normalisePassword,
  type PasswordRefusal,
} from './password-policy.ts';

/** `email` and `password` as typed. */
export type Credentials = { email: string; password: string };

export type RegistrationRefusal =
  | { field: 'email'; reason: 'invalid' }
  | { field: 'password'; reason: PasswordRefusal };

/**
 * Runs when it is known whose password will be compared, and before it is read: whoever reads something here that a change
 * of the password changes too cannot be given it anew for the old password. `undefined` for an unknown address.
 */
export type BeforeCredential = (accountId: string | undefined) => Promise<void>;

export type Accounts = {
  /** The account, or undefined for an unknown address and a wrong password alike, after the same work. */
  authenticate(credentials: Credentials, beforeCredential?: BeforeCredential): Promise<Account | undefined>;
  /**
   * Undefined when accepted, which does not say that an account was made: an address that has one already is accepted in
   * the same words and time, and its account stays as it is.
   */
  register(credentials: Credentials & { name: string | undefined }): Promise<RegistrationRefusal | undefined>;
  findById(id: string): Promise<Account | undefined>;
};

export type AccountsOptions = {
  repository: AccountRepository;
  hashing: PasswordHashing;
  passwordMinimumLength: number;
  newId: () => string;
};

/** Rejects with `HashingOverloaded` or with the database's error. */
export const createAccounts = ({ repository, hashing, passwordMinimumLength, newId }: AccountsOptions): Accounts => {
  const rehash = async (account: Account, password: string): Promise<void> => {
    await repository.updatePasswordHash(account.id, await hashing.hash(password));
  };
  return {
    authenticate: async (credentials, beforeCredential) => {
      const email = parseEmailAddress(credentials.email);
      if (email === undefined || !isPasswordLengthBounded(credentials.password)) return undefined;
      const password = normalisePassword(credentials.password);
      if (beforeCredential !== undefined) await beforeCredential((await repository.findByEmail(email))?.account.id);
      const found = await repository.findByEmail(email);
      const matches = await hashing.verify(found?.passwordHash, password);
      if (!matches || found?.passwordHash === undefined) return undefined;
      if (hashing.needsRehash(found.passwordHash)) await rehash(found.account, password);
      return found.account;
    },
    register: async (credentials) => {
      const email = parseEmailAddress(credentials.email);
      if (email === undefined) return { field: 'email', reason: 'invalid' };
      const password = normalisePassword(credentials.password);
      const refusal = decidePasswordRefusal(password, { minimumLength: passwordMinimumLength, email });
      if (refusal !== undefined) return { field: 'password', reason: refusal };
      const passwordHash = await hashing.hash(password);
      const typedEmail = credentials.email.trim();
      await repository.insert({ id: newId(), typedEmail, email, name: credentials.name, passwordHash });
      return undefined;
    },
    findById: (id) => repository.findById(id),
  };
};
