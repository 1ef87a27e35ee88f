import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAccountAdministration } from '../admin/account-administration.ts';
import { type AccountsFixture, startAccountsFixture } from '../testing/accounts-fixture.ts';
import { admitAttempt } from '../throttling/attempt-counters.ts';
import { createAccountChanges } from './account-changes.ts';
import { createAccountRepository } from './account-repository.ts';
import type { SignInAttempt } from './authentication.ts';
import { createMailLinks, type LinkPurpose, newLinkToken } from './mail-links.ts';

let fixture: AccountsFixture;
beforeAll(async () => {
  fixture = await startAccountsFixture();
});
beforeEach(() => fixture.clear());
afterAll(() => fixture?.stop());

const password = 'analytical engine no. 1';
const other = 'difference engine no. 2';
const origin = { clientAddress: '192.0.2.7', clientId: 'shop' };
const ada = { email: 'ada@example.test', password, name: 'Ada', origin };
const attempt = (changes: Partial<SignInAttempt> = {}): SignInAttempt => ({
  email: ada.email,
  password,
  origin,
  findDevice: () => undefined,
  ...changes,
});
const from = (clientAddress: string) => ({ origin: { clientAddress } });

const events = async (): Promise<unknown[]> =>
  (await fixture.rows('SELECT event FROM auth.audit_events ORDER BY at')).map(({ event }) => event);
const outbox = async (): Promise<unknown[]> =>
  (await fixture.rows('SELECT topic, payload FROM auth.outbox ORDER BY created_at')).map(({ topic, payload }) => ({
    topic,
    ...(payload as object),
  }));
const account = async () => (await fixture.rows('SELECT * FROM auth.accounts'))[0] ?? {};

/** A link as a mail would have it. */
const link = async (purpose: LinkPurpose, more: { newEmail?: string } = {}): Promise<string> => {
  const { id, revision } = await account();
  const token = newLinkToken();
  await createMailLinks(fixture.pool).insert(token, {
    purpose,
    accountId: String(id),
    revision: Number(revision),
    ...more,
  });
  return token;
};

describe('signing in', () => {
  it('accepts the right password, however the address is spelled and the letters are composed', async () => {
    const accounts = fixture.accounts();
    await accounts.register({ ...ada, password: 'caf\u00e9 au lait, please' });
    const outcome = await accounts.authenticate(
      attempt({ email: ' ADA@example.test', password: 'cafe\u0301 au lait, please' }),
    );
    expect(outcome).toMatchObject({ kind: 'signed_in', account: { name: 'Ada', emailVerified: false } });
    expect(await events()).toEqual(['account_registered', 'sign_in_succeeded']);
  });

  it('does the same work for an unknown address, a wrong password, and an account without one', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    await fixture.pool.query({
      text: `INSERT INTO auth.accounts (id, email, email_normalized) VALUES ('p', 'p@x.test', 'p@x.test')`,
    });
    for (const email of [ada.email, 'nobody@example.test', 'p@x.test']) {
      fixture.work.length = 0;
      expect(await accounts.authenticate(attempt({ email, password: other }))).toEqual({ kind: 'refused' });
      expect(fixture.work).toEqual(['verify']);
    }
    expect(await events()).toEqual(['account_registered', 'sign_in_failed', 'sign_in_failed', 'sign_in_failed']);
  });

  it('spends nothing on what cannot be a password or an address', async () => {
    const accounts = fixture.accounts();
    expect(await accounts.authenticate(attempt({ password: 'x'.repeat(2000) }))).toEqual({ kind: 'refused' });
    expect(await accounts.authenticate(attempt({ email: 'no address' }))).toEqual({ kind: 'refused' });
    expect(fixture.work).toEqual([]);
  });

  it('makes a stronger hash when settings have risen', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    const weak = await hash(password, { algorithm: 2, memoryCost: 8192, timeCost: 1, parallelism: 1 });
    await fixture.pool.query({ text: 'UPDATE auth.accounts SET password_hash = $1', values: [weak] });
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
    expect((await account())['password_hash']).toMatch(/m=19456,t=2,p=1/);
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
  });

  it('makes no stronger hash of a password that was reset in between', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    const before = await account();
    const token = await link('reset_password');
    expect(await accounts.resetPassword({ token, password: other, origin })).toMatchObject({ kind: 'reset' });
    const repository = createAccountRepository(fixture.pool);
    await repository.updatePasswordHash(
      String(before['id']),
      Number(before['revision']),
      String(before['password_hash']),
    );
    expect(await accounts.authenticate(attempt())).toEqual({ kind: 'refused' });
    expect(await accounts.authenticate(attempt({ password: other }))).toMatchObject({ kind: 'signed_in' });
  });

  it('is over for a disabled account, whose sessions and tokens are to be revoked', async () => {
    const { pool } = fixture;
    const administration = createAccountAdministration({
      pool,
      change: createAccountChanges(pool, async () => undefined),
      store: { listSessions: async () => ({ sessions: [] }), find: async () => ({ related: [] }) },
    });
    const accounts = fixture.accounts();
    await accounts.register(ada);
    const id = String((await account())['id']);
    expect(await administration.setDisabled(id, true)).toBe(true);
    expect(await administration.setDisabled(id, true)).toBe(false);
    expect(await accounts.authenticate(attempt())).toEqual({ kind: 'refused' });
    expect(await accounts.findById(id)).toBeUndefined();
    expect(await outbox()).toEqual([{ topic: 'revoke_subject', subject: id }]);
    expect(await administration.setDisabled(id, false)).toBe(true);
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
  });
});

describe('guessing', () => {
  const guess = (changes: Partial<SignInAttempt> = {}) =>
    fixture.accounts().authenticate(attempt({ password: other, ...changes }));
  const kinds = async (count: number, changes: Partial<SignInAttempt> = {}): Promise<string[]> => {
    const outcomes: string[] = [];
    for (let n = 0; n < count; n += 1) outcomes.push((await guess(changes)).kind);
    return outcomes;
  };

  it('is over after ten tries of one network, the right password too, and says when it goes on', async () => {
    await fixture.accounts().register(ada);
    expect(await kinds(10)).toEqual(Array(10).fill('refused'));
    const blocked = await fixture.accounts().authenticate(attempt(from('192.0.2.200')));
    expect(blocked).toEqual({ kind: 'throttled', retryAfterSeconds: expect.any(Number) });
    expect(blocked.kind === 'throttled' && blocked.retryAfterSeconds).toBeGreaterThan(800);
    expect(await kinds(3)).toEqual(Array(3).fill('throttled'));
    expect((await events()).filter((event) => event === 'sign_in_throttled')).toHaveLength(1);
  });

  it('of a hundred at once is no more than of one after the other', async () => {
    await fixture.accounts().register(ada);
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => guess()));
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(10);
  });

  it('keeps nobody out who signs in from elsewhere, or on a device that is known', async () => {
    await fixture.accounts().register(ada);
    await kinds(12);
    expect(await fixture.accounts().authenticate(attempt(from('198.51.100.1')))).toMatchObject({ kind: 'signed_in' });
    const known = { findDevice: () => 'her-phone' };
    expect(await fixture.accounts().authenticate(attempt(known))).toMatchObject({ kind: 'signed_in' });
  });

  it('by a botnet is over for strange devices, while the owner’s own goes on', async () => {
    await fixture.accounts().register(ada);
    // As if a hundred networks had tried; ten of them really do.
    const counted = [{ limit: 'password by account', of: ada.email }] as const;
    for (let n = 0; n < 90; n += 1) await admitAttempt(fixture.pool, counted);
    for (let n = 0; n < 10; n += 1) expect((await guess(from(`203.0.${n}.1`))).kind).toBe('refused');
    expect((await guess(from('203.0.99.1'))).kind).toBe('throttled');
    const known = { ...from('203.0.99.1'), findDevice: () => 'her-phone' };
    expect(await fixture.accounts().authenticate(attempt(known))).toMatchObject({ kind: 'signed_in' });
    expect(await kinds(10, known)).toEqual(Array(10).fill('refused'));
    expect((await fixture.accounts().authenticate(attempt(known))).kind).toBe('throttled');
  });

  it('in one network fills no counter of the whole account', async () => {
    await fixture.accounts().register(ada);
    await kinds(40);
    const [{ attempts } = {}] = await fixture.rows(
      `SELECT attempts FROM auth.attempt_counters WHERE expires_at > now() + interval '30 minutes'`,
    );
    expect(attempts).toBe(10);
  });

  it('at many accounts from one address is over after a hundred, and elsewhere it is not', async () => {
    for (let n = 0; n < 100; n += 1) expect((await guess({ email: `p${n}@example.test` })).kind).toBe('refused');
    expect((await guess({ email: 'p@example.test' })).kind).toBe('throttled');
    expect((await guess({ email: 'p@example.test', ...from('192.0.2.8') })).kind).toBe('refused');
  });

  it('is not counted against an address that stands for everybody', async () => {
    const proxy = from('10.0.0.7');
    for (let n = 0; n < 101; n += 1)
      expect((await guess({ email: `p${n}@example.test`, ...proxy })).kind).toBe('refused');
    for (let n = 0; n < 9; n += 1) await guess({ email: 'p1@example.test', ...proxy });
    expect((await guess({ email: 'p1@example.test', ...proxy })).kind).toBe('throttled');
  });

  it('is none where the password is right: nine tabs at once all sign in, whoever they are', async () => {
    const accounts = fixture.accounts();
    const emails = Array.from({ length: 8 }, (_, n) => `tabs-${n}@example.test`);
    for (const email of emails) await accounts.register({ ...ada, email });
    const refused: unknown[] = [];
    const tab = async (email: string): Promise<void> => {
      for (let n = 0; n < 4; n += 1) {
        const outcome = await accounts.authenticate(attempt({ email }));
        if (outcome.kind !== 'signed_in') refused.push(outcome);
      }
    };
    await Promise.all(emails.flatMap((email) => Array.from({ length: 9 }, () => tab(email))));
    expect(refused).toEqual([]);
  });

  it('that is right may be one too many at once, and holds nobody up afterwards', async () => {
    await fixture.accounts().register(ada);
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => fixture.accounts().authenticate(attempt())));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['signed_in', 'throttled']));
    expect(await fixture.accounts().authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
    // Of somebody who goes on guessing behind the same NAT, the window ends as if they had stopped.
    await kinds(11);
    const [first] = await fixture.rows('SELECT max(expires_at) AS at FROM auth.attempt_counters WHERE attempts > 10');
    await kinds(5);
    const [later] = await fixture.rows('SELECT max(expires_at) AS at FROM auth.attempt_counters WHERE attempts > 10');
    expect(later).toEqual(first);
  });

  it('is forgotten with a success, and in time', async () => {
    await fixture.accounts().register(ada);
    await kinds(9);
    expect(await fixture.accounts().authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
    expect(await kinds(10)).toEqual(Array(10).fill('refused'));
    expect(await kinds(1)).toEqual(['throttled']);
    await fixture.pool.query({ text: 'UPDATE auth.attempt_counters SET expires_at = now()' });
    expect(await kinds(1)).toEqual(['refused']);
  });
});

describe('registering', () => {
  it('answers and works the same for an address that is taken, whose account stays as it is', async () => {
    const accounts = fixture.accounts();
    expect(await accounts.register(ada)).toEqual({ kind: 'accepted' });
    const before = await account();
    fixture.work.length = 0;
    expect(await accounts.register({ ...ada, password: other, name: 'Eve' })).toEqual({ kind: 'accepted' });
    expect(fixture.work).toEqual(['hash']);
    expect(await account()).toEqual(before);
    expect(await events()).toEqual(['account_registered', 'registration_repeated']);
  });

  it('keeps a hash of Argon2id with 19 MiB and two passes, and the address as typed', async () => {
    await fixture.accounts().register({ ...ada, email: ' Grace@Example.test ' });
    expect(await account()).toMatchObject({
      email: 'Grace@Example.test',
      email_normalized: 'grace@example.test',
      name: 'Ada',
      password_hash: expect.stringMatching(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/),
    });
  });

  it.each([
    [{ email: 'no address' }, { field: 'email', reason: 'invalid' }],
    [{ email: 'ada@example.test\r\nBcc: all@example.test' }, { field: 'email', reason: 'invalid' }],
    [{ password: 'short' }, { field: 'password', reason: 'too_short' }],
    [{ password: 'ada@example.test' }, { field: 'password', reason: 'same_as_email' }],
  ])('refuses %j without a hash', async (changes, refusal) => {
    expect(await fixture.accounts().register({ ...ada, ...changes })).toEqual({ kind: 'refused', refusal });
    expect(fixture.work).toEqual([]);
  });

  it('with mail waits for the address, and asks for a mail in the same transaction', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    await accounts.register(ada);
    const { id } = await account();
    expect(await outbox()).toEqual([{ topic: 'mail', kind: 'confirm_address', accountId: id, revision: 1 }]);
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'unconfirmed' });
    expect(await accounts.authenticate(attempt({ password: other }))).toEqual({ kind: 'refused' });
  });

  it('again before that takes the place of the first, whose links hold no more', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    await accounts.register({ ...ada, password: other, name: 'Eve' });
    const token = await link('confirm_address');
    await accounts.register(ada);
    expect(await accounts.confirmAddress({ token, password, origin })).toEqual({ kind: 'expired' });
    expect(await accounts.confirmAddress({ token, password: other, origin })).toEqual({ kind: 'expired' });
    const second = await link('confirm_address');
    expect(await accounts.confirmAddress({ token: second, password, origin })).toEqual({ kind: 'confirmed' });
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'signed_in', account: { name: 'Ada' } });
  });

  it('leaves an account alone that is used since addresses need no confirmation any more', async () => {
    await fixture.accounts({ sendsMail: true }).register(ada);
    const accounts = fixture.accounts();
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
    expect(await account()).toMatchObject({ pending: false, email_verified: false });
    await accounts.register({ ...ada, password: other });
    expect(await accounts.authenticate(attempt({ password: other }))).toEqual({ kind: 'refused' });
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
  });

  it('with the address of an account in use tells its owner, and changes nothing', async () => {
    await fixture.accounts().register(ada);
    await fixture.accounts({ sendsMail: true }).register({ ...ada, password: other });
    const { id } = await account();
    expect(await outbox()).toEqual([{ topic: 'mail', kind: 'account_exists', accountId: id }]);
    expect(await fixture.accounts({ sendsMail: true }).authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
  });

  it('asks for five mails to a mailbox in an hour, and of one asker for a hundred', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    for (let n = 0; n < 7; n += 1) expect(await accounts.register(ada)).toEqual({ kind: 'accepted' });
    expect(await outbox()).toHaveLength(5);
    for (let n = 0; n < 93; n += 1) {
      expect(await accounts.requestReset({ email: `p${n}@example.test`, origin })).toEqual({ kind: 'accepted' });
    }
    expect(await accounts.requestReset({ email: 'p@example.test', origin })).toMatchObject({ kind: 'throttled' });
    expect(await accounts.register({ ...ada, email: 'p@example.test' })).toMatchObject({ kind: 'throttled' });
    expect(await accounts.requestReset({ email: ada.email, ...from('192.0.2.8') })).toEqual({ kind: 'accepted' });
    // Whoever fills a mailbox with other mails keeps nobody from setting a new password.
    expect(await outbox()).toHaveLength(99);
  });

  it('asks for five mails that set a new password in the time that their links hold', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    const ask = () => accounts.requestReset({ email: ada.email, origin });
    for (let n = 0; n < 7; n += 1) expect(await ask()).toEqual({ kind: 'accepted' });
    expect(await outbox()).toHaveLength(5);
    const longest = await fixture.rows(
      `SELECT 1 FROM auth.attempt_counters WHERE attempts > 5 AND expires_at <= now() + interval '30 minutes'`,
    );
    expect(longest).toHaveLength(1);
  });
});

describe('a link', () => {
  it('to confirm an address needs the password, and is used once', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    await accounts.register(ada);
    const token = await link('confirm_address');
    expect(await accounts.findLink(token)).toMatchObject({ purpose: 'confirm_address' });
    expect(await accounts.confirmAddress({ token, password: other, origin })).toEqual({ kind: 'refused' });
    const outcomes = await Promise.all([1, 2, 3].map(() => accounts.confirmAddress({ token, password, origin })));
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['confirmed', 'expired', 'expired']);
    expect(await accounts.authenticate(attempt())).toMatchObject({ account: { emailVerified: true } });
    expect(await accounts.findLink(token)).toBeUndefined();
  });

  it('to reset a password sets it once, confirms the address, and ends what there was', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    await accounts.register(ada);
    await fixture.pool.query({ text: 'DELETE FROM auth.outbox' });
    const tokens = [await link('reset_password'), await link('reset_password')];
    const outcomes = await Promise.all(
      [...tokens, ...tokens].map((token) => accounts.resetPassword({ token, password: other, origin })),
    );
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['expired', 'expired', 'expired', 'reset']);
    const { id } = await account();
    expect(await outbox()).toEqual(
      expect.arrayContaining([
        { topic: 'revoke_subject', subject: id },
        { topic: 'mail', kind: 'password_changed', accountId: id },
      ]),
    );
    expect(await outbox()).toHaveLength(2);
    expect(await accounts.authenticate(attempt())).toEqual({ kind: 'refused' });
    expect(await accounts.authenticate(attempt({ password: other }))).toMatchObject({
      kind: 'signed_in',
      account: { emailVerified: true },
    });
    expect((await events()).filter((event) => event === 'password_reset')).toHaveLength(1);
  });

  it('that confirms an address lets its owner set a password in place of a stranger’s', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    const stranger = { ...ada, password: other, name: 'Eve', ...from('203.0.113.9') };
    // The mailbox gets no more mails than these, and the owner's own registration none.
    for (let n = 0; n < 6; n += 1) await accounts.register(stranger);
    expect(await accounts.register(ada)).toEqual({ kind: 'accepted' });
    const token = await link('confirm_address');
    expect(await accounts.confirmAddress({ token, password, origin })).toEqual({ kind: 'refused' });
    expect(await accounts.resetPassword({ token, password, origin })).toMatchObject({ kind: 'reset' });
    const signedIn = await accounts.authenticate(attempt());
    expect(signedIn).toMatchObject({ kind: 'signed_in', account: { emailVerified: true, name: undefined } });
    expect(await accounts.authenticate(attempt({ password: other }))).toEqual({ kind: 'refused' });
  });

  it('to a new address sets no password', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    await accounts.register(ada);
    const token = await link('confirm_new_address', { newEmail: 'eve@example.test' });
    expect(await accounts.resetPassword({ token, password: other, origin })).toEqual({ kind: 'expired' });
  });

  it('stays when the new password is refused', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    await accounts.register(ada);
    const token = await link('reset_password');
    expect(await accounts.resetPassword({ token, password: 'short', origin })).toMatchObject({ kind: 'refused' });
    expect(await accounts.resetPassword({ token, password: other, origin })).toMatchObject({ kind: 'reset' });
  });

  it('lets in an owner whom strangers’ guesses have shut out', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    for (let n = 0; n < 11; n += 1) await accounts.authenticate(attempt({ password: other }));
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'throttled' });
    await accounts.resetPassword({ token: await link('reset_password'), password: other, origin });
    expect(await accounts.authenticate(attempt({ password: other }))).toMatchObject({ kind: 'signed_in' });
  });

  it('to a new address changes it, tells the old one, and ends every other link', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    const reset = await link('reset_password');
    const token = await link('confirm_new_address', { newEmail: 'Ada@New.test' });
    expect(await accounts.confirmNewAddress({ token, origin })).toEqual({ kind: 'confirmed' });
    expect(await account()).toMatchObject({ email: 'Ada@New.test', email_normalized: 'ada@new.test' });
    expect(await outbox()).toEqual([{ topic: 'mail', kind: 'address_changed', oldEmail: ada.email }]);
    expect(await accounts.findLink(reset)).toBeUndefined();
    expect(await accounts.authenticate(attempt())).toEqual({ kind: 'refused' });
    expect(await accounts.authenticate(attempt({ email: 'ada@new.test' }))).toMatchObject({ kind: 'signed_in' });
  });

  it('to an address that somebody has by now changes nothing', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    const token = await link('confirm_new_address', { newEmail: 'grace@example.test' });
    await accounts.register({ ...ada, email: 'grace@example.test' });
    expect(await accounts.confirmNewAddress({ token, origin })).toEqual({ kind: 'expired' });
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
  });

  it('to an address that somebody gets in the same moment changes nothing', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    const token = await link('confirm_new_address', { newEmail: 'grace@example.test' });
    let confirming: Promise<unknown> | undefined;
    await fixture.pool.transaction(async (other) => {
      await other.query({
        text: `INSERT INTO auth.accounts (id, email, email_normalized) VALUES ('grace', 'grace@example.test', 'grace@example.test')`,
      });
      confirming = accounts.confirmNewAddress({ token, origin });
      await fixture.untilSomebodyWaits();
    });
    expect(await confirming).toEqual({ kind: 'expired' });
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
  });

  it('holds for its time and its purpose, and is no row that a thief could use', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    const token = await link('reset_password');
    expect(await accounts.confirmAddress({ token, password, origin })).toEqual({ kind: 'expired' });
    expect(await accounts.confirmNewAddress({ token, origin })).toEqual({ kind: 'expired' });
    expect(JSON.stringify(await fixture.rows('SELECT * FROM auth.mail_links'))).not.toContain(token);
    await fixture.pool.query({ text: 'UPDATE auth.mail_links SET expires_at = now()' });
    expect(await accounts.findLink(token)).toBeUndefined();
    expect(await accounts.resetPassword({ token, password: other, origin })).toEqual({ kind: 'expired' });
  });
});

describe('an owner', () => {
  it('changes the password by the current one, and keeps the session that does it', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    const id = String((await account())['id']);
    const form = { wanted: other, sessionUid: 'this', origin };
    expect(await accounts.changePassword(id, { ...form, current: other })).toEqual({ kind: 'wrong_password' });
    expect(await accounts.changePassword(id, { ...form, wanted: 'short', current: password })).toMatchObject({
      kind: 'refused',
    });
    expect(await accounts.changePassword(id, { ...form, current: password })).toEqual({ kind: 'changed' });
    expect(await outbox()).toEqual([{ topic: 'revoke_subject', subject: id, keepSessionUid: 'this' }]);
    expect(await accounts.authenticate(attempt({ password: other }))).toMatchObject({ kind: 'signed_in' });
  });

  it('of one session has ten tries at the current password', async () => {
    const accounts = fixture.accounts();
    await accounts.register(ada);
    const id = String((await account())['id']);
    const form = { newEmail: 'ada@new.test', sessionUid: 'stolen', origin };
    for (let n = 0; n < 10; n += 1) {
      expect(await accounts.requestNewAddress(id, { ...form, current: other })).toEqual({ kind: 'wrong_password' });
    }
    expect(await accounts.requestNewAddress(id, { ...form, current: password })).toMatchObject({ kind: 'throttled' });
    // Whoever has got hold of one session holds up no other of the owner's, nor a sign-in.
    const own = { ...form, current: password, sessionUid: 'own' };
    expect(await accounts.requestNewAddress(id, own)).toEqual({ kind: 'accepted' });
    expect(await accounts.authenticate(attempt())).toMatchObject({ kind: 'signed_in' });
  });

  it('asks for another address with the current password; nothing has changed then', async () => {
    const accounts = fixture.accounts({ sendsMail: true });
    await fixture.accounts().register(ada);
    const id = String((await account())['id']);
    const form = { current: password, sessionUid: 'this', origin };
    expect(await accounts.requestNewAddress(id, { ...form, newEmail: 'a@b\r\nc.test' })).toEqual({ kind: 'invalid' });
    expect(await accounts.requestNewAddress(id, { ...form, newEmail: 'ada@new.test' })).toEqual({ kind: 'accepted' });
    expect(await outbox()).toEqual([
      { topic: 'mail', kind: 'confirm_new_address', accountId: id, revision: 1, newEmail: 'ada@new.test' },
    ]);
    expect(await account()).toMatchObject({ email: ada.email });
    expect(await events()).toContain('address_change_requested');
  });
});
