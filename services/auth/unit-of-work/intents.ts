import type { Intent, RecordKind } from '../../token-store/contract.ts';
import { addSessionFamilies, decideEndedFamilies, familiesOf } from './session-families.ts';
import type { SessionBefore, StagedConsume, StagedUpsert, StagedWork } from './unit-of-work.ts';

/** The token-store takes at most this many intents in one transaction. */
const maxIntents = 64;

/** The token-store takes at most this many families with a session; the newest count. */
const maxFamilies = 1000;

/** Kept when a request fails, except at the token endpoint: cookies that are on their way refer to them. */
const keptOnFailure: ReadonlySet<RecordKind> = new Set(['session', 'interaction', 'device_code']);

const optionalString = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** Reads a path of members from a payload whose shape is the library's. */
const memberAt = (payload: Record<string, unknown>, ...path: string[]): unknown =>
  path.reduce<unknown>(
    (value, member) => (typeof value === 'object' && value !== null ? Reflect.get(value, member) : undefined),
    payload,
  );

/**
 * The family that a record hangs on. An interaction names the one that its consent made, so that resuming it finds grant
 * and session in one read.
 */
const familyOf = ({ kind, payload }: StagedUpsert): string | undefined => {
  if (kind === 'session' || kind === 'grant') return undefined;
  if (kind === 'interaction') return optionalString(memberAt(payload, 'result', 'consent', 'grantId'));
  return optionalString(payload['grantId']);
};

/** Whom a record stands for; an interaction for whoever has signed in with it, else for whose session it began in. */
const subjectOf = (payload: Record<string, unknown>): string | undefined =>
  optionalString(payload['accountId']) ??
  optionalString(memberAt(payload, 'result', 'login', 'accountId')) ??
  optionalString(memberAt(payload, 'session', 'accountId'));

const buildUpsert = (
  write: StagedUpsert,
  {
    sessionsBefore,
    subjectEpochs,
    clientEpochs,
  }: Pick<StagedWork, 'sessionsBefore' | 'subjectEpochs' | 'clientEpochs'>,
): Intent => {
  const { kind, id, payload, expiresInSeconds } = write;
  const uid = kind === 'session' ? optionalString(payload['uid']) : undefined;
  const userCode = kind === 'device_code' ? optionalString(payload['userCode']) : undefined;
  const grantId = familyOf(write);
  const sessionUid = optionalString(payload['sessionUid']) ?? optionalString(memberAt(payload, 'session', 'uid'));
  const subject = subjectOf(payload);
  const clientId = optionalString(payload['clientId']);
  const subjectEpoch = subject === undefined ? undefined : subjectEpochs.get(subject);
  const clientEpoch = kind === 'grant' && clientId !== undefined ? clientEpochs.get(clientId) : undefined;
  const familyIds = kind === 'session' ? familiesOf(payload) : [];
  return {
    operation: 'upsert',
    kind,
    id,
    payload,
    expiresInSeconds,
    ...(uid !== undefined && { uid, expectedVersion: sessionsBefore.get(uid)?.version ?? 0 }),
    ...(userCode !== undefined && { userCode }),
    ...(grantId !== undefined && { grantId }),
    ...(sessionUid !== undefined && { sessionUid }),
    ...(subject !== undefined && { subject }),
    ...(clientId !== undefined && { clientId }),
    ...(subjectEpoch !== undefined && { subjectEpoch }),
    ...(clientEpoch !== undefined && { clientEpoch }),
    ...(familyIds.length > 0 && { familyIds: familyIds.slice(-maxFamilies) }),
  };
};

const buildConsume = ({ kind, id, payload }: StagedConsume, replay: StagedWork['replay']): Intent => {
  const subject = subjectOf(payload);
  const clientId = optionalString(payload['clientId']);
  return {
    operation: 'consume',
    kind,
    id,
    ...(subject !== undefined && { subject }),
    ...(clientId !== undefined && { clientId }),
    ...(kind === 'refresh_token' && replay !== undefined && { replay }),
  };
};

/** A session that was read is ended by its uid, at the version that it was read with. */
const buildDestroy = (
  { kind, id }: { kind: RecordKind; id: string },
  session: (SessionBefore & { uid: string }) | undefined,
): Intent => ({
  operation: 'destroy',
  kind,
  id,
  ...(session !== undefined && { uid: session.uid, expectedVersion: session.version }),
});

/** Grants first, since the records of the same unit hang on them. */
const grantsFirst = (writes: Iterable<StagedUpsert>): StagedUpsert[] =>
  [...writes].sort((a, b) => Number(b.kind === 'grant') - Number(a.kind === 'grant'));

/**
 * What of the staged work is to be written, in the token-store's order: one-time ids, consumes, deletes, revocations, upserts.
 * A failed request burns nothing and issues nothing, but what it revoked stays revoked: a refresh with a bad `resource`
 * leaves the token usable, and a replayed one still ends its family.
 */
export const planIntents = (staged: StagedWork, { route }: { route: string | undefined }): Intent[] => {
  const isKept = ({ kind }: StagedUpsert): boolean => !staged.failed || (route !== 'token' && keptOnFailure.has(kind));
  const revoked = new Set([...staged.revokedGrants, ...decideEndedFamilies(staged)]);
  const isAlive = (write: StagedUpsert): boolean => {
    const family = write.kind === 'grant' ? write.id : familyOf(write);
    return family === undefined || !revoked.has(family);
  };
  const withFamilies = (write: StagedUpsert): StagedUpsert =>
    write.kind === 'session' && !staged.failed
      ? { ...write, payload: addSessionFamilies(write.payload, staged.upserts.values()) }
      : write;
  const written = grantsFirst(staged.upserts.values()).filter(isKept).filter(isAlive);
  const writtenSessions = new Set(
    written.filter(({ kind }) => kind === 'session').map(({ payload }) => payload['uid']),
  );
  const sessionById = new Map(
    [...staged.sessionsBefore].map(([uid, session]) => [session.payload['jti'], { ...session, uid }]),
  );
  const sessionOf = ({ kind, id }: { kind: RecordKind; id: string }) =>
    kind === 'session' ? sessionById.get(id) : undefined;
  const consumes = staged.failed ? [] : [...staged.consumed.values()];
  return [
    ...staged.oneTimeIds.map((id): Intent => ({ operation: 'use_once', ...id })),
    ...consumes.map((use) => buildConsume(use, staged.replay)),
    ...[...staged.destroyed.values()]
      .filter(({ kind, id }) => kind !== 'grant' || !revoked.has(id))
      // A session that only gets a new id is one write: its row, and the version of it, go on.
      .filter((record) => !writtenSessions.has(sessionOf(record)?.uid ?? null))
      .map((record) => buildDestroy(record, sessionOf(record))),
    ...[...revoked].map((grantId): Intent => ({ operation: 'revoke_grant', grantId })),
    ...written.map(withFamilies).map((write) => buildUpsert(write, staged)),
    ...staged.messages.map((message): Intent => ({ operation: 'enqueue', ...message })),
  ];
};

/**
 * Splits what does not fit one transaction. Only revocations are many (a sign-out of a long session), and they may go
 * ahead on their own: repeating one changes nothing.
 */
export const splitIntents = (intents: readonly Intent[]): Intent[][] => {
  if (intents.length <= maxIntents) return [[...intents]];
  const revocations = intents.filter(({ operation }) => operation === 'revoke_grant');
  const others = intents.filter(({ operation }) => operation !== 'revoke_grant');
  const batches = Array.from({ length: Math.ceil(revocations.length / maxIntents) }, (_, batch) =>
    revocations.slice(batch * maxIntents, (batch + 1) * maxIntents),
  );
  return others.length === 0 ? batches : [...batches, others];
};
