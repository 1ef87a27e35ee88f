import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanAuth } from './cleaning.ts';
import { type AccountsFixture, startAccountsFixture } from './testing/accounts-fixture.ts';

let fixture: AccountsFixture;
beforeAll(async () => {
  fixture = await startAccountsFixture();
});
afterAll(() => fixture?.stop());

const fill = (text: string) => fixture.pool.query({ text });
const left = async (table: string, column: string): Promise<unknown[]> =>
  (await fixture.rows(`SELECT ${column} AS value FROM auth.${table} ORDER BY 1`)).map(({ value }) => value);

describe('cleaning', () => {
  it('removes what has had its time, in batches, and leaves the rest', async () => {
    const account = (id: string, pending: boolean, age: string) =>
      fill(`INSERT INTO auth.accounts (id, email, email_normalized, pending, created_at)
            VALUES ('${id}', '${id}', '${id}', ${pending}, now() - interval '${age}')`);
    await account('old', false, '9 days');
    await account('old-pending', true, '8 days');
    await account('pending', true, '6 days');
    await fill(`INSERT INTO auth.mail_links SELECT sha256(n::text::bytea), 'reset_password', 'old', 1, NULL,
                now() + (n * interval '1 hour') FROM generate_series(-20, 1) n`);
    await fill(
      `INSERT INTO auth.mail_links VALUES ('x', 'confirm_address', 'old-pending', 1, NULL, now() + interval '1 h')`,
    );
    await fill(`INSERT INTO auth.attempt_counters SELECT sha256(n::text::bytea), n + 30, now() + (n * interval '1 hour')
                FROM generate_series(-20, 1) n`);
    await fill(`INSERT INTO auth.audit_events (id, at, event) SELECT gen_random_uuid(), now() - n * interval '1 day',
                'day ' || n FROM generate_series(1, 20) n`);
    await fill(`INSERT INTO auth.consent_grants VALUES ('gone', 'old', 'shop', now()),
                ('there', 'old', 'shop', now() + interval '1 h')`);
    await fill(`INSERT INTO auth.consents (id, account_id, client_id, scopes, claims, policy_version, given_at, ended_at)
                SELECT gen_random_uuid(), 'old', 'shop', '{}', '{}', ended || ' days', now() - interval '30 days',
                       CASE WHEN ended > 0 THEN now() - ended * interval '1 day' END
                  FROM unnest(ARRAY[0, 1, 2, 3, 4, 5, 6, 7]) ended`);
    await fill(`INSERT INTO auth.outbox (id, topic, payload, created_at) SELECT gen_random_uuid(), topic, '{}',
                now() - interval '8 days' FROM unnest(ARRAY['mail', 'revoke_subject']) topic`);
    await cleanAuth({ database: fixture.pool, auditSeconds: 3 * 24 * 3600 - 60 }, { limit: 3 });
    expect(await left('accounts', 'id')).toEqual(['old', 'pending']);
    expect(await left('mail_links', 'account_id')).toEqual(['old']);
    expect(await left('attempt_counters', 'attempts')).toEqual([31]);
    expect(await left('audit_events', 'event')).toEqual(['day 1', 'day 2']);
    expect(await left('consent_grants', 'grant_id')).toEqual(['there']);
    expect(await left('consents', 'policy_version')).toEqual(['0 days', '1 days', '2 days']);
    expect(await left('outbox', 'topic')).toEqual(['revoke_subject']);
  });
});
