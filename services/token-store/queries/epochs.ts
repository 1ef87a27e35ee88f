import type { Queryable } from '../../shared/postgres-pool.ts';
import type { CarriedEpoch } from '../transaction-plan.ts';

/** Owners of records, sorted. */
export interface Owners {
  readonly clients: readonly string[];
  readonly subjects: readonly string[];
}

/**
 * The first number of an advisory lock of two. Everybody takes clients first, then subjects, then grants; whoever revokes
 * everything of one takes that one alone, exclusively.
 */
export const lockSpaces = { client: 1, subject: 2 } as const;

/** Lets a revocation of everything of theirs wait for this transaction, or waits for it. A statement of its own. */
export const lockOwners = async (connection: Queryable, { clients, subjects }: Owners): Promise<void> => {
  await connection.query({
    name: 'lock-owners',
    text: `
      SELECT pg_advisory_xact_lock_shared(space, hashtext(name))
        FROM unnest($1::int[], $2::text[]) AS owner (space, name)`,
    values: [
      [...clients.map(() => lockSpaces.client), ...subjects.map(() => lockSpaces.subject)],
      [...clients, ...subjects],
    ],
  });
};

/** The epochs that were ever raised of these owners. After the lock, in a statement of its own, they stay so. */
export const readEpochs = async (connection: Queryable, { clients, subjects }: Owners): Promise<CarriedEpoch[]> => {
  const { rows } = await connection.query<{ of: 'client' | 'subject'; name: string; epoch: string }>({
    name: 'read-epochs',
    text: `
      SELECT 'client' AS of, client_id AS name, epoch FROM token_store.client_epochs WHERE client_id = ANY($1::text[])
      UNION ALL
      SELECT 'subject', subject, epoch FROM token_store.subject_epochs WHERE subject = ANY($2::text[])`,
    values: [clients, subjects],
  });
  return rows.map(({ epoch, ...owner }) => ({ ...owner, epoch: Number(epoch) }));
};
