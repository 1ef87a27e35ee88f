import { randomUUID } from 'node:crypto';
import type { PostgresPool, Queryable } from '../shared/postgres-pool.ts';
import type { EpochsRequest, EpochsResponse, RevokeRequest } from './contract.ts';
import { retryLostRaces } from './lost-races.ts';
import { readEpochs } from './queries/epochs.ts';
import { lockGrantsForUpdate, revokeGrants } from './queries/grants.ts';
import { useOneTimeIds } from './queries/one-time-ids.ts';
import {
  announceSubject,
  keepSession,
  lockOwnerAlone,
  raiseClientEpoch,
  raiseSubjectEpoch,
  revokeToken,
} from './queries/revoke.ts';
import { endSession, readSessionFamilies } from './queries/sessions.ts';
import { hashOneTimeId, hashRecordId, hashSessionUid, hashTokenId } from './record-hash.ts';
import type { TokenStoreLiveSettings } from './settings.ts';

/** How long gateways have to know of a revocation. */
export interface RevocationTimes {
  /** The longest access token in circulation and the largest difference of clocks, s. */
  readonly feedSeconds: number;
  /** The largest difference of clocks, s. */
  readonly clockSkewSeconds: number;
}

/** Tokens that were issued before the lifetime became shorter are in circulation still: the longest one counts on. */
export const nextRevocationTimes = (
  before: RevocationTimes | undefined,
  { lifetimes, clockSkewSeconds }: Pick<TokenStoreLiveSettings, 'lifetimes' | 'clockSkewSeconds'>,
): RevocationTimes => ({
  clockSkewSeconds,
  feedSeconds: Math.max(before?.feedSeconds ?? 0, lifetimes.accessTokenSeconds + clockSkewSeconds),
});

/** Ends what the request names; when it returns, nothing of it can be found, used or issued to. Safe to repeat. */
export const revoke = async (pool: PostgresPool, request: RevokeRequest, times: RevocationTimes): Promise<void> => {
  const { feedSeconds, clockSkewSeconds } = times;
  switch (request.by) {
    case 'token':
      return revokeToken(pool, hashTokenId(request.jti), request.expiresInSeconds + clockSkewSeconds);
    case 'grant':
      return revokeGrants(pool, [hashRecordId('grant', request.grantId)], feedSeconds);
    case 'session':
      return revokeSession(pool, hashSessionUid(request.sessionUid), feedSeconds);
    case 'client':
      return pool.transaction(async (connection) => {
        await lockOwnerAlone(connection, 'client', request.clientId);
        if (await isNewRequest(connection, request)) await raiseClientEpoch(connection, request.clientId);
      });
    case 'subject':
      return pool.transaction((connection) => revokeSubject(connection, request, feedSeconds));
  }
};

/** The epochs of the moment. */
export const currentEpochs = async (
  connection: Queryable,
  { subject, clientId }: EpochsRequest,
): Promise<EpochsResponse> => {
  const raised = await readEpochs(connection, {
    clients: clientId === undefined ? [] : [clientId],
    subjects: subject === undefined ? [] : [subject],
  });
  const epochOf = (owner: 'client' | 'subject') => raised.find(({ of }) => of === owner)?.epoch ?? 0;
  return {
    ...(subject === undefined ? {} : { subjectEpoch: epochOf('subject') }),
    ...(clientId === undefined ? {} : { clientEpoch: epochOf('client') }),
  };
};

const requestSeconds = 86_400;

/** Has nobody asked with this id before? One without an id is always new. */
const isNewRequest = async (
  connection: Queryable,
  { requestId }: { readonly requestId?: string | undefined },
): Promise<boolean> => {
  if (requestId === undefined) return true;
  const ids = [{ idHash: hashOneTimeId('revocation', requestId), expiresInSeconds: requestSeconds }];
  // Under an id of its own, so that the same request finds itself.
  return useOneTimeIds(connection, ids, randomUUID());
};

const revokeSubject = async (
  connection: Queryable,
  { subject, keepSessionUid, requestId }: Extract<RevokeRequest, { by: 'subject' }>,
  feedSeconds: number,
): Promise<void> => {
  await lockOwnerAlone(connection, 'subject', subject);
  if (!(await isNewRequest(connection, { requestId }))) return;
  await raiseSubjectEpoch(connection, subject);
  if (keepSessionUid !== undefined) await keepSession(connection, subject, hashSessionUid(keepSessionUid));
  await announceSubject(connection, subject, feedSeconds);
};

/**
 * Families are locked before sessions everywhere: so the session is read first, and if it has changed by the time that
 * its families are ours, that begins anew.
 */
const revokeSession = async (pool: PostgresPool, uidHash: Buffer, feedSeconds: number): Promise<void> => {
  for (let ended = false; !ended; ) {
    const session = await readSessionFamilies(pool, uidHash);
    if (session === undefined) return;
    ended = await retryLostRaces(() =>
      pool.transaction(
        async (connection) => {
          await lockGrantsForUpdate(connection, session.familyHashes);
          await revokeGrants(connection, session.familyHashes, feedSeconds);
          return endSession(connection, { uidHash, version: session.version, feedSeconds });
        },
        (done) => done,
      ),
    );
  }
};
