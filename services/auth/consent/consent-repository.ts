import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Queryable } from '../../shared/postgres-pool.ts';
import type { WantedConsent } from './wanted-consent.ts';

/** Whose consent, and to which application. */
export type ConsentParties = { readonly accountId: string; readonly clientId: string };

/** A consent that holds. */
export type Consent = WantedConsent & { readonly clientId: string; readonly givenAt: Date };

const rowSchema = z
  .object({
    client_id: z.string(),
    scopes: z.array(z.string()),
    claims: z.array(z.string()),
    policy_version: z.string(),
    given_at: z.date(),
  })
  .transform(
    ({ client_id, scopes, claims, policy_version, given_at }): Consent => ({
      clientId: client_id,
      scopes,
      claims,
      policyVersion: policy_version,
      givenAt: given_at,
    }),
  );
const columns = 'client_id, scopes, claims, policy_version, given_at';

export type ConsentRepository = {
  find(parties: ConsentParties): Promise<Consent | undefined>;
  /** The same, and keeps others from ending it until the end of the transaction. */
  findLocked(parties: ConsentParties): Promise<Consent | undefined>;
  list(accountId: string): Promise<Consent[]>;
  /** In place of the one that holds; that one stays as a record. */
  insert(parties: ConsentParties, consent: WantedConsent): Promise<void>;
  /** False when there was none. */
  end(parties: ConsentParties): Promise<boolean>;
  /** A grant that rests on a consent; false, and nothing noted, when there is none. */
  noteGrant(parties: ConsentParties, grant: { grantId: string; seconds: number }): Promise<boolean>;
  /** Takes the notes of the grants that rest on a consent. */
  takeGrants(parties: ConsentParties): Promise<string[]>;
};

export const createConsentRepository = (database: Queryable): ConsentRepository => {
  const end = async ({ accountId, clientId }: ConsentParties): Promise<boolean> => {
    const { rowCount } = await database.query({
      name: 'consent-end',
      text: `UPDATE auth.consents SET ended_at = now()
              WHERE account_id = $1 AND client_id = $2 AND ended_at IS NULL`,
      values: [accountId, clientId],
    });
    return rowCount === 1;
  };
  const findFirst = async (
    name: string,
    { accountId, clientId }: ConsentParties,
    lock: '' | 'FOR UPDATE',
  ): Promise<Consent | undefined> => {
    const { rows } = await database.query({
      name,
      text: `SELECT ${columns} FROM auth.consents
              WHERE account_id = $1 AND client_id = $2 AND ended_at IS NULL ${lock}`,
      values: [accountId, clientId],
    });
    return rows[0] === undefined ? undefined : rowSchema.parse(rows[0]);
  };
  return {
    find: (parties) => findFirst('consent-find', parties, ''),
    findLocked: (parties) => findFirst('consent-find-locked', parties, 'FOR UPDATE'),
    list: async (accountId) => {
      const { rows } = await database.query({
        name: 'consent-list',
        text: `SELECT ${columns} FROM auth.consents WHERE account_id = $1 AND ended_at IS NULL ORDER BY given_at DESC`,
        values: [accountId],
      });
      return rows.map((row) => rowSchema.parse(row));
    },
    insert: async (parties, { scopes, claims, policyVersion }) => {
      await end(parties);
      await database.query({
        name: 'consent-insert',
        // Two tabs that agree at once have agreed once.
        text: `INSERT INTO auth.consents (id, account_id, client_id, scopes, claims, policy_version)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (account_id, client_id) WHERE ended_at IS NULL DO UPDATE
               SET scopes = excluded.scopes, claims = excluded.claims, policy_version = excluded.policy_version`,
        values: [randomUUID(), parties.accountId, parties.clientId, scopes, claims, policyVersion],
      });
    },
    end,
    noteGrant: async ({ accountId, clientId }, { grantId, seconds }) => {
      const { rowCount } = await database.query({
        name: 'consent-note-grant',
        // Locked, so that a withdrawal either is seen here or sees the note.
        text: `INSERT INTO auth.consent_grants (grant_id, account_id, client_id, expires_at)
               SELECT $1, account_id, client_id, now() + make_interval(secs => $4) FROM auth.consents
                WHERE account_id = $2 AND client_id = $3 AND ended_at IS NULL FOR SHARE
               ON CONFLICT (grant_id) DO UPDATE SET expires_at = excluded.expires_at`,
        values: [grantId, accountId, clientId, seconds],
      });
      return rowCount === 1;
    },
    takeGrants: async ({ accountId, clientId }) => {
      const { rows } = await database.query<{ grant_id: string }>({
        name: 'consent-take-grants',
        text: 'DELETE FROM auth.consent_grants WHERE account_id = $1 AND client_id = $2 RETURNING grant_id',
        values: [accountId, clientId],
      });
      return rows.map(({ grant_id }) => grant_id);
    },
  };
};
