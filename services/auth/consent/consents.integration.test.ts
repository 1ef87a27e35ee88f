import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAccountChanges } from '../accounts/account-changes.ts';
import { type AccountsFixture, startAccountsFixture } from '../testing/accounts-fixture.ts';
import { type Consents, createConsents } from './consents.ts';

let fixture: AccountsFixture;
let consents: Consents;
const parties = { accountId: 'ada', clientId: 'partner' };
const origin = { clientAddress: '192.0.2.7' };

beforeAll(async () => {
  fixture = await startAccountsFixture();
  const { pool } = fixture;
  consents = createConsents({ pool, change: createAccountChanges(pool, async () => undefined), grantSeconds: 3600 });
  await pool.query({
    text: `INSERT INTO auth.accounts (id, email, email_normalized) VALUES ('ada', 'a@x.test', 'a@x.test')`,
  });
});
afterAll(() => fixture?.stop());

it('carries no grant that comes after its withdrawal, and ends all that came before', async () => {
  await consents.give(parties, { scopes: ['openid'], claims: [], policyVersion: '1' }, origin);
  expect(await consents.noteGrant(parties, 'before')).toBe(true);
  expect(await consents.withdraw(parties, origin)).toBe(true);
  expect(await consents.noteGrant(parties, 'after')).toBe(false);
  expect(await fixture.rows('SELECT grant_id FROM auth.consent_grants')).toEqual([]);
  expect(await fixture.rows('SELECT payload FROM auth.outbox')).toEqual([{ payload: { grantId: 'before' } }]);
});

it('brings nothing back that is withdrawn while something else is agreed to', async () => {
  await consents.give(parties, { scopes: ['openid', 'email'], claims: ['email'], policyVersion: '1' }, origin);
  let giving: Promise<void> | undefined;
  await fixture.pool.transaction(async (withdrawal) => {
    await withdrawal.query({ text: 'UPDATE auth.consents SET ended_at = now() WHERE ended_at IS NULL' });
    giving = consents.give(parties, { scopes: ['openid'], claims: [], policyVersion: '1' }, origin);
    await fixture.untilSomebodyWaits();
  });
  await giving;
  expect(await consents.list('ada')).toMatchObject([{ scopes: ['openid'], claims: [] }]);
});
