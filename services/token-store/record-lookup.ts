import type { Queryable } from '../shared/postgres-pool.ts';
import { parseTokenDay } from './client/token-value.ts';
import {
  type FindRequest,
  type FindResponse,
  type RecordKind,
  type StoredRecord,
  storedRecordSchema,
} from './contract.ts';
import type { DataKeyring } from './data-encryption-keys.ts';
import { openEnvelope } from './envelope.ts';
import { findSealedRecord, type RecordKey, type SealedRecord } from './queries/find.ts';
import { hashRecordId, hashSessionUid } from './record-hash.ts';
import { tableOfKind } from './transaction-plan.ts';

/**
 * Finds a record with the grant and session that it names, in one round trip.
 * @throws EnvelopeError when its row cannot be opened
 */
export const findRecord = async (
  connection: Queryable,
  keyring: DataKeyring,
  request: FindRequest,
): Promise<FindResponse> => {
  const key = recordKey(keyring, request);
  const found = key && (await findSealedRecord(connection, tableOfKind[request.kind], request.kind, key));
  if (!found) return { related: [] };
  return {
    record: openRecord(keyring, found.record),
    related: found.related.map((record) => openRecord(keyring, record)),
  };
};

/** Undefined for a key that records of this kind do not have. */
const recordKey = (keyring: DataKeyring, { kind, by, value }: FindRequest): RecordKey | undefined => {
  switch (by) {
    case 'id':
      return idKey(kind, value);
    case 'uid':
      return kind === 'session' ? { column: 'uid_hash', values: [hashSessionUid(value)] } : undefined;
    case 'user_code':
      return kind === 'device_code' ? { column: 'user_code_hmac', values: keyring.hashUserCode(value) } : undefined;
  }
};

const idKey = (kind: RecordKind, id: string): RecordKey | undefined => {
  const key = { column: 'id_hash', values: [hashRecordId(kind, id)] } as const;
  if (tableOfKind[kind] !== 'tokens') return key;
  const day = parseTokenDay(id);
  return day === undefined ? undefined : { ...key, day };
};

const openRecord = (
  keyring: DataKeyring,
  { kind, idHash, payload, expiresAt, consumedAt, version, isReplayable, owner }: SealedRecord,
): StoredRecord =>
  storedRecordSchema.parse({
    kind,
    ...openEnvelope(keyring, { kind, idHash }, payload),
    ...owner,
    ...(isReplayable === true && { isReplayable }),
    expiresAt: expiresAt.toISOString(),
    ...(version === undefined ? {} : { version }),
    ...(consumedAt ? { consumedAt: consumedAt.toISOString() } : {}),
  });
