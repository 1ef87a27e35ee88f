import { hash } from 'node:crypto';
import type { RecordKind } from './contract.ts';

/** Key of a record at rest: SHA-256 over its kind and id, so that equal ids of two kinds never meet. 32 bytes. */
export const hashRecordId = (kind: RecordKind, id: string): Buffer => hashParts(kind, id);

/** Key of a session's `uid`, by which tokens and interactions name it. 32 bytes. */
export const hashSessionUid = (uid: string): Buffer => hashParts('session_uid', uid);

/** Key of a one-time id within its namespace. 32 bytes. */
export const hashOneTimeId = (namespace: string, id: string): Buffer => hashParts('one_time_id', namespace, id);

/** Key of a JWT access token, by which it is revoked alone. 32 bytes. */
export const hashTokenId = (jti: string): Buffer => hashParts('jti', jti);

/** Key of a signing key, by which everything that it has signed is revoked. 32 bytes. */
export const hashKeyId = (kid: string): Buffer => hashParts('kid', kid);

/** Key of an outbox message within its topic. 32 bytes. */
export const hashOutboxKey = (topic: string, key: string): Buffer => hashParts('outbox', topic, key);

// Lengths keep `a` + `bc` apart from `ab` + `c`.
const hashParts = (...parts: string[]): Buffer =>
  hash('sha256', parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join(''), 'buffer');
