import type { PostgresPool } from '../../shared/postgres-pool.ts';
import type { ChangeAccounts } from '../accounts/account-changes.ts';
import type { RequestOrigin } from '../audit/audit-event.ts';
import { type Consent, type ConsentParties, createConsentRepository } from './consent-repository.ts';
import { decideMissingConsent, joinConsents, type WantedConsent } from './wanted-consent.ts';

/** Rejects with the database's error. */
export type Consents = {
  /** Scopes that somebody has to be asked for; undefined when all was agreed to. */
  findMissing(parties: ConsentParties, wanted: WantedConsent): Promise<readonly string[] | undefined>;
  give(parties: ConsentParties, wanted: WantedConsent, origin: RequestOrigin): Promise<void>;
  refuse(parties: ConsentParties, origin: RequestOrigin): Promise<void>;
  /** Notes a grant that rests on the consent, before it is used. False when the consent was withdrawn meanwhile. */
  noteGrant(parties: ConsentParties, grantId: string): Promise<boolean>;
  list(accountId: string): Promise<Consent[]>;
  /** Ends the consent and, by the outbox, every grant that rests on it. False when there was none. */
  withdraw(parties: ConsentParties, origin: RequestOrigin): Promise<boolean>;
};

export const createConsents = (options: {
  pool: PostgresPool;
  change: ChangeAccounts;
  /** How long a grant lives at most. */
  grantSeconds: number;
}): Consents => {
  const { pool, change, grantSeconds } = options;
  const repository = createConsentRepository(pool);
  return {
    findMissing: async (parties, wanted) => decideMissingConsent(wanted, await repository.find(parties)),
    give: (parties, wanted, origin) =>
      change(async (_accounts, connection) => {
        const consents = createConsentRepository(connection);
        // Locked: what was withdrawn meanwhile must not come back by what is agreed to now.
        await consents.insert(parties, joinConsents(wanted, await consents.findLocked(parties)));
        const { scopes, policyVersion } = wanted;
        const { accountId } = parties;
        return {
          value: undefined,
          events: [{ event: 'consent_given', accountId, origin, details: { scopes, policyVersion } }],
        };
      }),
    refuse: ({ accountId }, origin) =>
      change(async () => ({ value: undefined, events: [{ event: 'consent_refused', accountId, origin }] })),
    noteGrant: (parties, grantId) => repository.noteGrant(parties, { grantId, seconds: grantSeconds }),
    list: (accountId) => repository.list(accountId),
    withdraw: (parties, origin) =>
      change(async (_accounts, connection) => {
        const consents = createConsentRepository(connection);
        if (!(await consents.end(parties))) return { value: false, events: [] };
        const grantIds = await consents.takeGrants(parties);
        const { accountId, clientId } = parties;
        return {
          value: true,
          events: [{ event: 'consent_withdrawn', accountId, origin: { ...origin, clientId } }],
          outbox: grantIds.map((grantId) => ({ topic: 'revoke_grant', payload: { grantId } })),
        };
      }),
  };
};
