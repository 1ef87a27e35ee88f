import type {
  ConsumableKind,
  EpochsResponse,
  FindRequest,
  FindResponse,
  Intent,
  RecordKind,
  RefreshReplay,
  StoredRecord,
} from '../../token-store/contract.ts';

/** oidc-provider's form of a record; what is in it is the library's matter but for the members that link records. */
export type Payload = Record<string, unknown>;

export type OutboxMessage = Omit<Extract<Intent, { operation: 'enqueue' }>, 'operation'>;

export type StagedUpsert = { kind: RecordKind; id: string; payload: Payload; expiresInSeconds: number };

/** Proof `jti`s, kept whatever becomes of the request (`use_once` of the contract). */
export type OneTimeId = { namespace: string; id: string; expiresInSeconds: number };

/** What one protocol request has read and means to write. Nothing is written before `planIntents` and a commit. */
export type UnitOfWork = {
  find(kind: RecordKind, by: FindRequest['by'], value: string): Promise<Payload | undefined>;
  upsert(write: StagedUpsert): void;
  consume(kind: ConsumableKind, id: string): void;
  destroy(kind: RecordKind, id: string): void;
  revokeGrant(grantId: string): void;
  /** Marks an id as used; the commit decides whether nobody else has. */
  useOnce(id: OneTimeId): void;
  /** A message that goes out when the work is written; also when the request failed, as what it ended stays ended. */
  enqueue(message: OutboxMessage): void;
  /** A password or a code was verified: from now on the subject's records carry the epochs of that moment. */
  verified(owner: { subject: string; clientId: string }, epochs: EpochsResponse): void;
  /** What is answered for a refresh, kept with the use of its token. */
  keepAnswer(replay: RefreshReplay): void;
  /** Of a grant that was read. */
  clientEpochOf(grantId: string): number | undefined;
  /** The protocol request failed, told by the provider's events; its status does not tell (errors are redirects too). */
  markFailed(): void;
  /** Something that the request needs could not be read. */
  markAway(): void;
  readonly staged: StagedWork;
};

/** `payload` is what was read of it. */
export type StagedConsume = { kind: ConsumableKind; id: string; payload: Payload };

/** A session as it was read; its writes hold only while it has this version. */
export type SessionBefore = { readonly payload: Payload; readonly version: number };

/** The staged writes, each record once: a later write of the same record replaces an earlier one. */
export type StagedWork = {
  readonly upserts: ReadonlyMap<string, StagedUpsert>;
  readonly consumed: ReadonlyMap<string, StagedConsume>;
  readonly destroyed: ReadonlyMap<string, { kind: RecordKind; id: string }>;
  readonly revokedGrants: ReadonlySet<string>;
  readonly oneTimeIds: readonly OneTimeId[];
  /** Sessions as they were read, by `uid`. */
  readonly sessionsBefore: ReadonlyMap<string, SessionBefore>;
  readonly messages: readonly OutboxMessage[];
  /**
   * By subject, the epoch that everything of theirs carries: of the verification in this request, else the lowest of what
   * was read. Never one that is asked for now: an old session could then make a fresh grant after a revocation.
   */
  readonly subjectEpochs: ReadonlyMap<string, number>;
  readonly replay: RefreshReplay | undefined;
  /** By client, of the verification in this request. */
  readonly clientEpochs: ReadonlyMap<string, number>;
  readonly failed: boolean;
  /** A read got no answer: whatever the provider made of that, the client is to come again. */
  readonly away: boolean;
};

const keyOf = (kind: RecordKind, id: string): string => `${kind} ${id}`;

const secondKeyMember = { uid: 'uid', user_code: 'userCode' } as const;

/**
 * `read` is the token-store's find; `now` in epoch seconds. Records that a read brings along answer later finds, so that
 * a code exchange costs one read. Finds see staged writes. `showsReplayable`: asked at a find, whether this request may get
 * an answer again that was lost.
 */
export const createUnitOfWork = (
  read: (request: FindRequest) => Promise<FindResponse>,
  now: () => number,
  { showsReplayable = () => false }: { showsReplayable?: () => boolean } = {},
): UnitOfWork => {
  const known = new Map<string, StoredRecord>();
  const upserts = new Map<string, StagedUpsert>();
  const consumed = new Map<string, StagedConsume>();
  const destroyed = new Map<string, { kind: RecordKind; id: string }>();
  const revokedGrants = new Set<string>();
  const oneTimeIds: OneTimeId[] = [];
  const sessionsBefore = new Map<string, SessionBefore>();
  const messages: OutboxMessage[] = [];
  const verifiedSubjects = new Set<string>();
  const subjectEpochs = new Map<string, number>();
  const clientEpochs = new Map<string, number>();
  const state: { failed: boolean; away: boolean; replay: RefreshReplay | undefined } = {
    failed: false,
    away: false,
    replay: undefined,
  };

  const noteEpoch = ({ subject, subjectEpoch = 0 }: StoredRecord): void => {
    if (subject === undefined || verifiedSubjects.has(subject)) return;
    subjectEpochs.set(subject, Math.min(subjectEpoch, subjectEpochs.get(subject) ?? subjectEpoch));
  };

  const remember = (record: StoredRecord): void => {
    known.set(keyOf(record.kind, record.id), record);
    noteEpoch(record);
    const { uid } = record.payload;
    if (record.kind === 'session' && typeof uid === 'string' && !sessionsBefore.has(uid)) {
      sessionsBefore.set(uid, { payload: record.payload, version: record.version ?? 0 });
    }
  };

  const isOfRevokedGrant = (kind: RecordKind, id: string, payload: Payload): boolean =>
    kind === 'grant'
      ? revokedGrants.has(id)
      : typeof payload['grantId'] === 'string' && revokedGrants.has(payload['grantId']);

  /** A copy, because the library changes nested members of what it has found. */
  const view = (
    kind: RecordKind,
    id: string,
    payload: Payload,
    consumedAt: string | undefined,
  ): Payload | undefined => {
    const key = keyOf(kind, id);
    if (destroyed.has(key) || isOfRevokedGrant(kind, id, payload)) return undefined;
    const copy = structuredClone(payload);
    if (consumed.has(key)) copy['consumed'] = now();
    else if (consumedAt !== undefined) copy['consumed'] = Math.floor(Date.parse(consumedAt) / 1000);
    return copy;
  };

  const findStaged = (kind: RecordKind, by: FindRequest['by'], value: string): StagedUpsert | undefined => {
    if (by === 'id') return upserts.get(keyOf(kind, value));
    return [...upserts.values()].find((write) => write.kind === kind && write.payload[secondKeyMember[by]] === value);
  };

  const findKnown = (kind: RecordKind, by: FindRequest['by'], value: string): StoredRecord | undefined => {
    if (by === 'id') return known.get(keyOf(kind, value));
    return [...known.values()].find((record) => record.kind === kind && record.payload[secondKeyMember[by]] === value);
  };

  const readThrough = async (request: FindRequest): Promise<StoredRecord | undefined> => {
    try {
      const { record, related } = await read(request);
      for (const brought of related) remember(brought);
      if (record !== undefined) remember(record);
      return record;
    } catch (error) {
      state.away = true;
      throw error;
    }
  };

  return {
    find: async (kind, by, value) => {
      if (by === 'id' && destroyed.has(keyOf(kind, value))) return undefined;
      const staged = findStaged(kind, by, value);
      if (staged !== undefined) return view(kind, staged.id, staged.payload, undefined);
      const record = findKnown(kind, by, value) ?? (await readThrough({ kind, by, value }));
      // A used refresh token whose answer may be given again is shown as unused: the library checks everything once more, and
      // the commit decides.
      return (
        record &&
        view(kind, record.id, record.payload, record.isReplayable && showsReplayable() ? undefined : record.consumedAt)
      );
    },
    upsert: (write) => {
      const key = keyOf(write.kind, write.id);
      destroyed.delete(key);
      upserts.set(key, write);
    },
    consume: (kind, id) => {
      const key = keyOf(kind, id);
      consumed.set(key, { kind, id, payload: known.get(key)?.payload ?? {} });
    },
    destroy: (kind, id) => {
      const key = keyOf(kind, id);
      upserts.delete(key);
      destroyed.set(key, { kind, id });
    },
    revokeGrant: (grantId) => {
      revokedGrants.add(grantId);
    },
    useOnce: (id) => {
      oneTimeIds.push(id);
    },
    enqueue: (message) => {
      messages.push(message);
    },
    verified: ({ subject, clientId }, { subjectEpoch = 0, clientEpoch = 0 }) => {
      verifiedSubjects.add(subject);
      subjectEpochs.set(subject, subjectEpoch);
      clientEpochs.set(clientId, clientEpoch);
    },
    keepAnswer: (replay) => {
      state.replay = replay;
    },
    clientEpochOf: (grantId) => known.get(keyOf('grant', grantId))?.clientEpoch,
    markFailed: () => {
      state.failed = true;
    },
    markAway: () => {
      state.away = true;
    },
    staged: {
      upserts,
      consumed,
      destroyed,
      revokedGrants,
      oneTimeIds,
      sessionsBefore,
      messages,
      subjectEpochs,
      clientEpochs,
      get replay() {
        return state.replay;
      },
      get failed() {
        return state.failed;
      },
      get away() {
        return state.away;
      },
    },
  };
};
