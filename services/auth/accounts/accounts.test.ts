import { hash } from '@node-rs/argon2';
import { describe, expect, it } from 'vitest';
import type { AccountRepository, AccountWithPassword, NewAccount } from './account-repository.ts';
import { createAccounts } from './accounts.ts';
import { createConcurrencyLimit } from './concurrency-limit.ts';
import { createPasswordHashing, type PasswordHashing } from './password-hashing.ts';

const realHashing = await createPasswordHashing(createConcurrencyLimit({ concurrency: 2, maxWaiting: 100 }));
const password = 'analytical engine no. 1';

/** A table in memory, and the hashes that were asked for. */
const setUp = (stored: Record<string, AccountWithPassword> = {}) => {
  const work: string[] = [];
  const inserted: NewAccount[] = [];
  const rehashed: string[] = [];
  const repository: AccountRepository = {
    findById: async (id) => Object.values(stored).find(({ account }) => account.id === id)?.account,
    findByEmail: async (email) => stored[email],
    insert: async (account) => {
      inserted.push(account);
      return !(account.email in stored);
    },
    updatePasswordHash: async (id) => {
      rehashed.push(id);
    },
  };
  const hashing: PasswordHashing = {
    ...realHashing,
    hash: (text) => {
      work.push('hash');
      return realHashing.hash(text);
    },
    verify: (storedHash, text) => {
      work.push('verify');
      return realHashing.verify(storedHash, text);
    },
  };
  const accounts = createAccounts({ repository, hashing, passwordMinimumLength: 12, newId: () => 'new' });
  return { accounts, work, inserted, rehashed };
};

const ada = (passwordHash: string | undefined): Record<string, AccountWithPassword> => ({
  'ada@example.test': {
    account: { id: 'ada', email: 'Ada@example.test', emailVerified: false, name: undefined },
    passwordHash,
  },
});

describe('authenticate', () => {
  it('accepts the right password, however the address is spelled and the letters are composed', async () => {
    const { accounts } = setUp(ada(await realHashing.hash('caf\u00e9 au lait, please')));
    const found = await accounts.authenticate({ email: ' ADA@example.test', password: 'cafe\u0301 au lait, please' });
    expect(found?.id).toBe('ada');
  });

  it('does the same work for an unknown address, a wrong password, and an account without one', async () => {
    const known = setUp(ada(await realHashing.hash(password)));
    const unknown = setUp();
    const passwordless = setUp(ada(undefined));
    for (const { accounts, work } of [known, unknown, passwordless]) {
      expect(await accounts.authenticate({ email: 'ada@example.test', password: 'something else' })).toBeUndefined();
      expect(work).toEqual(['verify']);
    }
  });

  it('spends nothing on what cannot be a password or an address', async () => {
    const { accounts, work } = setUp();
    expect(await accounts.authenticate({ email: 'ada@example.test', password: 'x'.repeat(2000) })).toBeUndefined();
    expect(await accounts.authenticate({ email: 'no address', password })).toBeUndefined();
    expect(work).toEqual([]);
  });

  it('makes a stronger hash when settings have risen', async () => {
    const weak = await hash(password, { algorithm: 2, memoryCost: 8192, timeCost: 1, parallelism: 1 });
    const { accounts, rehashed } = setUp(ada(weak));
    expect((await accounts.authenticate({ email: 'ada@example.test', password }))?.id).toBe('ada');
    expect(rehashed).toEqual(['ada']);
  });
});

describe('register', () => {
  it('answers and works the same for an address that is taken', async () => {
    const taken = setUp(ada('hash'));
    const fresh = setUp();
    for (const { accounts, work, inserted } of [taken, fresh]) {
      const refusal = await accounts.register({ email: 'ada@example.test', password, name: undefined });
      expect(refusal).toBeUndefined();
      expect(work).toEqual(['hash']);
      expect(inserted).toHaveLength(1);
    }
  });

  it('keeps a hash of Argon2id with 19 MiB and two passes, and the address as typed', async () => {
    const { accounts, inserted } = setUp();
    await accounts.register({ email: ' Grace@Example.test ', password, name: 'Grace' });
    expect(inserted[0]).toMatchObject({ typedEmail: 'Grace@Example.test', email: 'grace@example.test', name: 'Grace' });
    expect(inserted[0]?.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it.each([
    [
      { email: 'no address', password },
      { field: 'email', reason: 'invalid' },
    ],
    [
      { email: 'ada@example.test', password: 'short' },
      { field: 'password', reason: 'too_short' },
    ],
    [
      { email: 'ada@example.test', password: 'ada@example.test' },
      { field: 'password', reason: 'same_as_email' },
    ],
  ])('refuses %j without a hash', async (credentials, refusal) => {
    const { accounts, work } = setUp();
    expect(await accounts.register({ ...credentials, name: undefined })).toEqual(refusal);
    expect(work).toEqual([]);
  });
});
