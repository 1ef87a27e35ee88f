import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAccountChanges } from '../accounts/account-changes.ts';
import { type AccountsFixture, startAccountsFixture } from '../testing/accounts-fixture.ts';
import { createConsents } from './consents.ts';

let fixture: AccountsFixture;
beforeAll(async () => {
  fixture = await startAccountsFixture();
});
afterAll(() => fixture?.stop());

it('carries no grant that comes after its withdrawal, and ends all that came before', async () => {
  await fixture.pool.query({
    text: `INSERT INTO auth.accounts (id, email, email_normalized) VALUES ('ada', 'a@x.test', 'a@x.test')`,
  });
  const { pool } = fixture;
  const consents = createConsents({ pool, change: createAccountChanges(pool, () => undefined), grantSeconds: 3600 });
  const parties = { accountId: 'ada', clientId: 'partner' };
  const origin = { clientAddress: '192.0.2.7' };
  await consents.give(parties, { scopes: ['openid'], claims: [], policyVersion: '1' }, origin);
  expect(await consents.noteGrant(parties, 'before')).toBe(true);
  expect(await consents.withdraw(parties, origin)).toBe(true);
  expect(await consents.noteGrant(parties, 'after')).toBe(false);
  expect(await fixture.rows('SELECT grant_id FROM auth.consent_grants')).toEqual([]);
  expect(await fixture.rows('SELECT payload FROM auth.outbox')).toEqual([{ payload: { grantId: 'before' } }]);
});
