import { randomUUID } from 'node:crypto';
import type { PostgresPool, Queryable } from '../shared/postgres-pool.ts';
import type { EpochsRequest, EpochsResponse, RevokeRequest } from './contract.ts';
import type { DataKeyring } from './data-encryption-keys.ts';
import { retryLostRaces } from './lost-races.ts';
import { sealMessages } from './outbox.ts';
import { readEpochs } from './queries/epochs.ts';
import { lockGrantsForUpdate, revokeGrantForGood, revokeGrants } from './queries/grants.ts';
import { useOneTimeIds } from './queries/one-time-ids.ts';
import { enqueueMessages, type SealedMessage } from './queries/outbox.ts';
import {
  announceSubject,
  keepSession,
  lockOwnerAlone,
  raiseClientEpoch,
  raiseSubjectEpoch,
  revokeSigned,
} from './queries/revoke.ts';
import { endSession, readSessionFamilies } from './queries/sessions.ts';
import { hashKeyId, hashOneTimeId, hashOutboxKey, hashRecordId, hashSessionUid, hashTokenId } from './record-hash.ts';
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

/** Whoever has got hold of a key writes any end into tokens: until every keyring and every cache has let go of it, and more. */
const keySeconds = 90 * 86_400;

/** Ends what the request names; when it returns, nothing of it can be found, used or issued to. Safe to repeat. */
export const revoke = async (
  pool: PostgresPool,
  request: RevokeRequest,
  { times, keyring }: { readonly times: RevocationTimes; readonly keyring: DataKeyring },
): Promise<void> => {
  const { feedSeconds, clockSkewSeconds } = times;
  switch (request.by) {
    case 'token':
      return revokeSigned(pool, {
        kind: 'token',
        keyHash: hashTokenId(request.jti),
        seconds: request.expiresInSeconds + clockSkewSeconds,
      });
    case 'key':
      return revokeSigned(pool, { kind: 'key', keyHash: hashKeyId(request.kid), seconds: keySeconds });
    case 'grant':
      return retryLostRaces(() => revokeGrantForGood(pool, hashRecordId('grant', request.grantId), feedSeconds));
    case 'session':
      return revokeSession(pool, hashSessionUid(request.sessionUid), {
        feedSeconds,
        messages: sealAll(keyring, request.messages),
      });
    case 'client':
      return pool.transaction(async (connection) => {
        await lockOwnerAlone(connection, 'client', request.clientId);
        if (await isNewRequest(connection, request)) await raiseClientEpoch(connection, request.clientId);
      });
    case 'subject':
      return pool.transaction((connection) =>
        revokeSubject(connection, request, { feedSeconds, messages: sealAll(keyring, request.messages) }),
      );
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

/** What comes with a revocation. */
type Extent = { readonly feedSeconds: number; readonly messages: readonly SealedMessage[] };

const sealAll = (
  keyring: DataKeyring,
  messages: Extract<RevokeRequest, { by: 'session' }>['messages'] = [],
): SealedMessage[] =>
  sealMessages(keyring, {
    messages: messages.map((message) => ({
      keyHash: hashOutboxKey(message.topic, message.key),
      intent: { operation: 'enqueue', ...message },
    })),
  });

const revokeSubject = async (
  connection: Queryable,
  { subject, keepSessionUid, requestId }: Extract<RevokeRequest, { by: 'subject' }>,
  { feedSeconds, messages }: Extent,
): Promise<void> => {
  await lockOwnerAlone(connection, 'subject', subject);
  if (!(await isNewRequest(connection, { requestId }))) return;
  await raiseSubjectEpoch(connection, subject);
  if (keepSessionUid !== undefined) await keepSession(connection, subject, hashSessionUid(keepSessionUid));
  await announceSubject(connection, subject, feedSeconds);
  await enqueueMessages(connection, messages);
};

/**
 * Families are locked before sessions everywhere: so the session is read first, and if it has changed by the time that
 * its families are ours, that begins anew.
 */
const revokeSession = async (pool: PostgresPool, uidHash: Buffer, { feedSeconds, messages }: Extent): Promise<void> => {
  for (let ended = false; !ended; ) {
    const session = await readSessionFamilies(pool, uidHash);
    if (session === undefined) return;
    ended = await retryLostRaces(() =>
      pool.transaction(
        async (connection) => {
          await lockGrantsForUpdate(connection, session.familyHashes);
          await revokeGrants(connection, session.familyHashes, feedSeconds);
          const done = await endSession(connection, { uidHash, version: session.version, feedSeconds });
          if (done) await enqueueMessages(connection, messages);
          return done;
        },
        (done) => done,
      ),
    );
  }
};
