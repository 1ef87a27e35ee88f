import { parseTokenDay } from './client/token-value.ts';
import type { Intent, RecordKind, RefreshReplay, TransactionRequest } from './contract.ts';
import { hashOneTimeId, hashOutboxKey, hashRecordId, hashSessionUid } from './record-hash.ts';

/** Tables whose rows belong to a grant and can be used once. */
export type TokenTable = 'tokens' | 'short_lived';
/** Every table that holds records. */
export type RecordTable = TokenTable | 'sessions' | 'interactions' | 'grants';

/** Where records of each kind are kept. */
export const tableOfKind: Readonly<Record<RecordKind, RecordTable>> = {
  session: 'sessions',
  interaction: 'interactions',
  grant: 'grants',
  authorization_code: 'short_lived',
  device_code: 'short_lived',
  pushed_authorization_request: 'short_lived',
  refresh_token: 'tokens',
  access_token: 'tokens',
  client_credentials: 'tokens',
};

export type UpsertIntent = Extract<Intent, { operation: 'upsert' }>;
export type PlannedReplay = {
  readonly idHash: Buffer;
  readonly fingerprint: Buffer;
  readonly successor: { readonly day: number; readonly idHash: Buffer };
  readonly answer: Buffer;
  readonly leewaySeconds: number;
};
export type EnqueueIntent = Extract<Intent, { operation: 'enqueue' }>;
/** An upsert with the key of its row. */
export type PlannedUpsert = {
  readonly idHash: Buffer;
  readonly grantHash: Buffer | undefined;
  readonly intent: UpsertIntent;
};

/**
 * The writes of one protocol request in the order in which they are made. Keys are sorted and unique, so that two
 * transactions take their locks in one order and a statement never meets a row twice.
 */
export interface TransactionPlan {
  readonly commitId: string;
  readonly oneTimeIds: readonly { readonly idHash: Buffer; readonly expiresInSeconds: number }[];
  /** Families that end, locked FOR UPDATE. */
  readonly revokedGrants: readonly Buffer[];
  /** Grants that are written, locked FOR UPDATE: new ones, or alive. */
  readonly writtenGrants: readonly Buffer[];
  /** Families that records are issued to, locked FOR SHARE: they must be alive. */
  readonly issuingGrants: readonly Buffer[];
  readonly consumes: Readonly<Record<TokenTable, readonly Buffer[]>>;
  /** Consumed refresh tokens: a replay of one gets the same answer again, or revokes its family. */
  readonly consumedRefreshTokens: readonly Buffer[];
  readonly replays: readonly PlannedReplay[];
  readonly destroys: Readonly<Record<Exclude<RecordTable, 'grants'>, readonly Buffer[]>>;
  readonly upserts: Readonly<Record<RecordTable, readonly PlannedUpsert[]>>;
  /** Sessions that must have the version that their writer has read, locked FOR UPDATE. */
  readonly expectedSessions: readonly ExpectedSession[];
  /** Whoever the records belong to: a revocation of everything of theirs waits for us, or we for it. */
  readonly clients: readonly string[];
  readonly subjects: readonly string[];
  /** Epochs that the records carry; none may have passed. */
  readonly epochs: readonly CarriedEpoch[];
  /** Days of the tokens that are written, consumed or destroyed: nothing but their partitions is looked at. */
  readonly tokenDays: readonly number[];
  readonly messages: readonly { readonly keyHash: Buffer; readonly intent: EnqueueIntent }[];
}

/** Of whom an epoch is, and which. */
export type CarriedEpoch = { readonly of: 'subject' | 'client'; readonly name: string; readonly epoch: number };

/** What the writer of a session takes for granted. `mayBeGone`: it only wants to end it. */
export type ExpectedSession = { readonly uidHash: Buffer; readonly version: number; readonly mayBeGone: boolean };

/**
 * Sorts intents into a plan. Of several upserts and destroys of one record the last one counts. A revocation wins over
 * everything that the same request issues to that family; destroying a grant is revoking it, since a row that is gone
 * could come back. A record that is consumed stays, so that a repeated commit finds its own mark.
 */
export const planTransaction = ({ commitId, intents }: TransactionRequest): TransactionPlan => {
  const revoked = new HashMap<true>();
  const consumed = { tokens: new HashMap<true>(), short_lived: new HashMap<true>() };
  const refreshTokens = new HashMap<true>();
  const oneTimeIds = new HashMap<number>();
  const expected = new HashMap<Omit<ExpectedSession, 'uidHash'>>();
  const last = new HashMap<{ table: RecordTable; upsert: PlannedUpsert | undefined }>();
  const messages = new HashMap<EnqueueIntent>();
  const replays = new HashMap<PlannedReplay>();

  for (const intent of intents) {
    switch (intent.operation) {
      case 'use_once':
        oneTimeIds.set(hashOneTimeId(intent.namespace, intent.id), intent.expiresInSeconds);
        break;
      case 'enqueue':
        messages.set(hashOutboxKey(intent.topic, intent.key), intent);
        break;
      case 'revoke_grant':
        revoked.set(hashRecordId('grant', intent.grantId), true);
        break;
      case 'consume': {
        const idHash = hashRecordId(intent.kind, intent.id);
        consumed[intent.kind === 'refresh_token' ? 'tokens' : 'short_lived'].set(idHash, true);
        if (intent.kind === 'refresh_token') refreshTokens.set(idHash, true);
        if (intent.kind === 'refresh_token' && intent.replay) replays.set(idHash, planReplay(idHash, intent.replay));
        break;
      }
      case 'destroy': {
        const idHash = hashRecordId(intent.kind, intent.id);
        expectSession(expected, intent);
        if (intent.kind === 'grant') revoked.set(idHash, true);
        else last.set(idHash, { table: tableOfKind[intent.kind], upsert: undefined });
        break;
      }
      case 'upsert': {
        const upsert = planUpsert(intent);
        expectSession(expected, intent);
        last.set(upsert.idHash, { table: tableOfKind[intent.kind], upsert });
        break;
      }
    }
  }

  const upserts: Record<RecordTable, PlannedUpsert[]> = emptyTables();
  const destroys: Record<RecordTable, Buffer[]> = emptyTables();
  const written = new HashMap<true>();
  const issuing = new HashMap<true>();
  for (const [idHash, { table, upsert }] of last.sorted()) {
    if (!upsert) {
      if (!consumed.tokens.has(idHash) && !consumed.short_lived.has(idHash)) destroys[table].push(idHash);
      continue;
    }
    if (revoked.has(idHash) || (belongsToGrant(table) && upsert.grantHash && revoked.has(upsert.grantHash))) continue;
    upserts[table].push(upsert);
    if (table === 'grants') written.set(idHash, true);
    else if (belongsToGrant(table) && upsert.grantHash) issuing.set(upsert.grantHash, true);
  }
  const keys = (map: HashMap<unknown>) => map.sorted().map(([hash]) => hash);
  return {
    commitId,
    oneTimeIds: oneTimeIds.sorted().map(([idHash, expiresInSeconds]) => ({ idHash, expiresInSeconds })),
    revokedGrants: keys(revoked),
    writtenGrants: keys(written),
    issuingGrants: keys(issuing).filter((hash) => !written.has(hash)),
    consumes: { tokens: keys(consumed.tokens), short_lived: keys(consumed.short_lived) },
    consumedRefreshTokens: keys(refreshTokens),
    replays: replays.sorted().map(([, replay]) => replay),
    destroys,
    upserts,
    expectedSessions: expected.sorted().map(([uidHash, expectation]) => ({ uidHash, ...expectation })),
    clients: namesOf(intents, 'clientId'),
    subjects: namesOf(intents, 'subject'),
    epochs: Object.values(upserts).flatMap((planned) => planned.flatMap(({ intent }) => carriedEpochs(intent))),
    tokenDays: tokenDaysOf(intents),
    messages: messages.sorted().map(([keyHash, intent]) => ({ keyHash, intent })),
  };
};

const planReplay = (
  idHash: Buffer,
  { fingerprint, successorId, answer, leewaySeconds }: RefreshReplay,
): PlannedReplay => ({
  idHash,
  fingerprint: Buffer.from(fingerprint, 'base64url'),
  successor: { day: parseTokenDay(successorId) ?? 0, idHash: hashRecordId('refresh_token', successorId) },
  answer: Buffer.from(answer, 'base64'),
  leewaySeconds,
});

/** A value without a day is none of ours, and in no partition. */
const tokenDaysOf = (intents: readonly Intent[]): number[] => {
  const days = intents.flatMap((intent) =>
    'kind' in intent && tableOfKind[intent.kind] === 'tokens' ? (parseTokenDay(intent.id) ?? []) : [],
  );
  return [...new Set(days)].sort((left, right) => left - right);
};

const namesOf = (intents: readonly Intent[], member: 'clientId' | 'subject'): string[] => {
  const names = intents.flatMap((intent) =>
    intent.operation === 'upsert' || intent.operation === 'consume' ? (intent[member] ?? []) : [],
  );
  return [...new Set(names)].sort();
};

const carriedEpochs = ({ subject, subjectEpoch = 0, clientId, clientEpoch }: UpsertIntent): CarriedEpoch[] => [
  ...(subject === undefined ? [] : [{ of: 'subject', name: subject, epoch: subjectEpoch } as const]),
  ...(clientId === undefined || clientEpoch === undefined
    ? []
    : [{ of: 'client', name: clientId, epoch: clientEpoch } as const]),
];

/** Is none of the epochs that the records carry lower than the current one? Nobody's was raised who is not in the list. */
export const decideEpochsCurrent = (
  { epochs }: Pick<TransactionPlan, 'epochs'>,
  current: readonly CarriedEpoch[],
): boolean =>
  epochs.every(({ of, name, epoch }) =>
    current.every((raised) => raised.of !== of || raised.name !== name || raised.epoch <= epoch),
  );

/** A row of `grants` as the locking statement sees it. */
export type LockedGrant = {
  readonly idHash: Buffer;
  readonly revoked: boolean;
  readonly expired: boolean;
  /** Everything of its subject, or of its client, was revoked since the sign-in. */
  readonly outdated: boolean;
  readonly subject: string | undefined;
  readonly clientId: string | undefined;
};

/**
 * The plan with the owners of grants that the request has not named: their locks come before the grants', so the
 * transaction begins anew. Undefined when all of them are named.
 */
export const namePlanOwners = (plan: TransactionPlan, locked: readonly LockedGrant[]): TransactionPlan | undefined => {
  const clients = new Set([...plan.clients, ...locked.flatMap(({ clientId }) => clientId ?? [])]);
  const subjects = new Set([...plan.subjects, ...locked.flatMap(({ subject }) => subject ?? [])]);
  if (clients.size === plan.clients.length && subjects.size === plan.subjects.length) return undefined;
  return { ...plan, clients: [...clients].sort(), subjects: [...subjects].sort() };
};

/** Is every family alive that this plan issues to or writes? A grant that the plan itself writes need not be there yet. */
export const decideGrantsAlive = (plan: TransactionPlan, locked: readonly LockedGrant[]): boolean => {
  const found = new HashMap<LockedGrant>();
  for (const grant of locked) found.set(grant.idHash, grant);
  const issuable = plan.issuingGrants.every((hash) => {
    const grant = found.get(hash);
    return grant !== undefined && !grant.revoked && !grant.expired && !grant.outdated;
  });
  const isOver = (grant: LockedGrant | undefined): boolean => grant !== undefined && (grant.revoked || grant.outdated);
  return issuable && plan.writtenGrants.every((hash) => !isOver(found.get(hash)));
};

/** A row of `sessions` as the locking statement sees it. */
export type LockedSession = { readonly uidHash: Buffer; readonly version: number; readonly committedBy: string | null };

/** Has every session the version that the plan expects? A commit that comes again finds its own mark and goes on. */
export const decideSessionsUnchanged = (
  { expectedSessions, commitId }: Pick<TransactionPlan, 'expectedSessions' | 'commitId'>,
  locked: readonly LockedSession[],
): boolean => {
  const found = new HashMap<LockedSession>();
  for (const session of locked) found.set(session.uidHash, session);
  return expectedSessions.every(({ uidHash, version, mayBeGone }) => {
    const session = found.get(uidHash);
    if (session === undefined) return mayBeGone || version === 0;
    return session.version === version || session.committedBy === commitId;
  });
};

/**
 * Is the plan one statement that either does all or nothing? It is atomic without BEGIN and COMMIT. A statement that may
 * find one of several rows in its way is not.
 */
export const isSingleStatement = (plan: TransactionPlan): boolean => {
  if (plan.expectedSessions.length + plan.clients.length + plan.subjects.length > 0) return false;
  const refusable = [plan.oneTimeIds, ...Object.values(plan.consumes)];
  const lists: readonly (readonly unknown[])[] = [
    ...refusable,
    [...plan.writtenGrants, ...plan.issuingGrants],
    plan.revokedGrants,
    plan.messages,
    plan.replays,
    ...Object.values(plan.destroys),
    ...Object.values(plan.upserts),
  ];
  return lists.filter((list) => list.length > 0).length <= 1 && refusable.every((list) => list.length <= 1);
};

const planUpsert = (intent: UpsertIntent): PlannedUpsert => ({
  idHash: hashRecordId(intent.kind, intent.id),
  grantHash:
    intent.grantId === undefined || intent.kind === 'grant' ? undefined : hashRecordId('grant', intent.grantId),
  intent,
});

const expectSession = (
  expected: HashMap<Omit<ExpectedSession, 'uidHash'>>,
  { operation, kind, uid, expectedVersion }: UpsertIntent | Extract<Intent, { operation: 'destroy' }>,
): void => {
  if (kind !== 'session' || uid === undefined || expectedVersion === undefined) return;
  expected.set(hashSessionUid(uid), { version: expectedVersion, mayBeGone: operation === 'destroy' });
};

// An interaction only names the grant of its consent, so that a read can bring it along.
const belongsToGrant = (table: RecordTable): boolean => table === 'tokens' || table === 'short_lived';

const emptyTables = <Value>(): Record<RecordTable, Value[]> => ({
  tokens: [],
  short_lived: [],
  sessions: [],
  interactions: [],
  grants: [],
});

/** Buffers compare by identity as keys of a Map; here by content. */
class HashMap<Value> {
  readonly #entries = new Map<string, [Buffer, Value]>();

  set(hash: Buffer, value: Value): void {
    this.#entries.set(hash.toString('base64'), [hash, value]);
  }

  get(hash: Buffer): Value | undefined {
    return this.#entries.get(hash.toString('base64'))?.[1];
  }

  has(hash: Buffer): boolean {
    return this.#entries.has(hash.toString('base64'));
  }

  sorted(): [Buffer, Value][] {
    return [...this.#entries.values()].sort(([left], [right]) => Buffer.compare(left, right));
  }
}
