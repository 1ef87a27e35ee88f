import type { Queryable } from '../../shared/postgres-pool.ts';
import { lockSpaces } from './epochs.ts';

/** Ends one JWT access token, or everything that one key has signed. */
export const revokeSigned = async (
  connection: Queryable,
  { kind, keyHash, seconds }: { kind: 'token' | 'key'; keyHash: Buffer; seconds: number },
): Promise<void> => {
  await connection.query({
    name: 'revoke-signed',
    text: `INSERT INTO token_store.revocations (kind, key_hash, expires_at)
           VALUES ($1, $2, now() + make_interval(secs => $3))`,
    values: [kind, keyHash, seconds],
  });
};

/**
 * Waits until nobody issues anything to this owner, and keeps everybody from it until the transaction ends. A statement
 * of its own: the next one sees what was issued before.
 */
export const lockOwnerAlone = async (
  connection: Queryable,
  space: keyof typeof lockSpaces,
  name: string,
): Promise<void> => {
  await connection.query({
    name: 'lock-owner-alone',
    text: 'SELECT pg_advisory_xact_lock($1, hashtext($2))',
    values: [lockSpaces[space], name],
  });
};

/** Ends everything that the client was given so far. The row is what gateways are told, too. */
export const raiseClientEpoch = async (connection: Queryable, clientId: string): Promise<void> => {
  await connection.query({
    name: 'raise-client-epoch',
    text: `
      INSERT INTO token_store.client_epochs AS current (client_id, epoch) VALUES ($1, 1)
      ON CONFLICT (client_id) DO UPDATE SET epoch = current.epoch + 1, raised_at = now(), xid = pg_current_xact_id()`,
    values: [clientId],
  });
};

/** Ends everything that was given in the name of the subject so far. */
export const raiseSubjectEpoch = async (connection: Queryable, subject: string): Promise<void> => {
  await connection.query({
    name: 'raise-subject-epoch',
    text: `
      INSERT INTO token_store.subject_epochs AS current (subject, epoch) VALUES ($1, 1)
      ON CONFLICT (subject) DO UPDATE SET epoch = current.epoch + 1, raised_at = now()`,
    values: [subject],
  });
};

/** Lets one session of the subject's go on. */
export const keepSession = async (connection: Queryable, subject: string, uidHash: Buffer): Promise<void> => {
  await connection.query({
    name: 'keep-session',
    text: `
      UPDATE token_store.sessions SET subject_epoch = raised.epoch
        FROM token_store.subject_epochs AS raised
       WHERE uid_hash = $2 AND sessions.subject = $1 AND raised.subject = $1 AND sessions.expires_at > now()
         AND sessions.subject_epoch = raised.epoch - 1`,
    values: [subject, uidHash],
  });
};

/**
 * Tells gateways of everything of the subject's that an access token in circulation may name. No grant is locked: their
 * own rows say that they are over, by the epoch.
 */
export const announceSubject = async (connection: Queryable, subject: string, feedSeconds: number): Promise<void> => {
  await connection.query({
    name: 'announce-subject',
    text: `
      INSERT INTO token_store.revocations (kind, key_hash, expires_at)
      SELECT kind, key_hash, now() + make_interval(secs => $2)
        FROM (SELECT 'grant' AS kind, id_hash AS key_hash, subject_epoch FROM token_store.grants
               WHERE subject = $1 AND revoked_at IS NULL AND expires_at > now()
              UNION ALL
              SELECT 'session', uid_hash, subject_epoch FROM token_store.sessions
               WHERE subject = $1 AND expires_at > now()) AS owned
        JOIN token_store.subject_epochs AS raised ON raised.subject = $1 AND owned.subject_epoch = raised.epoch - 1`,
    values: [subject, feedSeconds],
  });
};
