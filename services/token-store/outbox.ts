import type { Queryable } from '../shared/postgres-pool.ts';
import type { CompleteOutboxRequest, LeaseOutboxRequest, LeaseOutboxResponse } from './contract.ts';
import type { DataKeyring } from './data-encryption-keys.ts';
import { openEnvelope, sealEnvelope } from './envelope.ts';
import { completeMessage, failMessage, leaseMessages, type SealedMessage } from './queries/outbox.ts';
import type { TransactionPlan } from './transaction-plan.ts';

const kind = 'outbox';

/** The messages of a plan as they are kept: what they say is nobody's who reads the database. */
export const sealMessages = (keyring: DataKeyring, { messages }: Pick<TransactionPlan, 'messages'>): SealedMessage[] =>
  messages.map(({ keyHash, intent: { topic, key, payload } }) => ({
    keyHash,
    topic,
    payload: sealEnvelope(keyring, { kind, idHash: keyHash }, { id: key, payload }),
  }));

/**
 * Gives due messages to one worker.
 * @throws EnvelopeError when one cannot be opened
 */
export const leaseOutbox = async (
  connection: Queryable,
  keyring: DataKeyring,
  request: LeaseOutboxRequest,
): Promise<LeaseOutboxResponse> => {
  const leased = await leaseMessages(connection, request);
  return {
    messages: leased.map(({ id, keyHash, payload, attempts }) => ({
      id,
      payload: openEnvelope(keyring, { kind, idHash: keyHash }, payload).payload,
      attempts,
    })),
  };
};

/** Notes how a delivery went; an unknown message is no fault, it was cleaned away. */
export const completeOutbox = async (connection: Queryable, request: CompleteOutboxRequest): Promise<void> => {
  if (request.outcome === 'delivered') await completeMessage(connection, request.id);
  else await failMessage(connection, request);
};
