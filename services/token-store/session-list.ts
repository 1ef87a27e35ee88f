import type { Queryable } from '../shared/postgres-pool.ts';
import type { ListSessionsRequest, ListSessionsResponse } from './contract.ts';
import type { DataKeyring } from './data-encryption-keys.ts';
import { openEnvelope } from './envelope.ts';
import { listSessions } from './queries/sessions.ts';

/**
 * The sessions that somebody is signed in with. One without a `uid` in its payload cannot be named, and is left out.
 * @throws EnvelopeError when a row cannot be opened
 */
export const listSubjectSessions = async (
  connection: Queryable,
  keyring: DataKeyring,
  { subject }: ListSessionsRequest,
): Promise<ListSessionsResponse> => {
  const sealed = await listSessions(connection, subject);
  return {
    sessions: sealed.flatMap(({ idHash, payload: bytes, createdAt, expiresAt }) => {
      const { payload } = openEnvelope(keyring, { kind: 'session', idHash }, bytes);
      const { uid } = payload;
      return typeof uid === 'string'
        ? [{ uid, createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString(), payload }]
        : [];
    }),
  };
};
