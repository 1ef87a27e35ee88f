import { randomUUID } from 'node:crypto';
import { buildTokenValue } from '../client/token-value.ts';
import type { Intent, RecordKind, TransactionResponse } from '../contract.ts';

type Upsert = Extract<Intent, { operation: 'upsert' }>;
type Refusal = Extract<TransactionResponse, { outcome: 'refused' }>['reason'];

/** A record that lives for an hour, with what the test cares for. */
export const upsert = (kind: RecordKind, id: string, more: Partial<Upsert> = {}): Upsert => ({
  operation: 'upsert',
  kind,
  id,
  payload: { jti: id, kind },
  expiresInSeconds: 3600,
  ...more,
});

export const committed: TransactionResponse = { outcome: 'committed' };
export const refused = (reason: Refusal): TransactionResponse => ({ outcome: 'refused', reason });

/** The value of a token that ends within the hour. */
export const newTokenId = (): string => buildTokenValue(randomUUID(), Date.now() / 1000 + 3600);
