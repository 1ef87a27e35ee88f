import type {
  ConsumableKind,
  FindRequest,
  FindResponse,
  RecordKind,
  StoredRecord,
} from '../../token-store/contract.ts';

/** oidc-provider's form of a record; what is in it is the library's matter but for the members that link records. */
export type Payload = Record<string, unknown>;

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
  /** The protocol request failed, told by the provider's events; its status does not tell (errors are redirects too). */
  markFailed(): void;
  /** Something that the request needs could not be read. */
  markAway(): void;
  readonly staged: StagedWork;
};

/** A session as it was read; its writes hold only while it has this version. */
export type SessionBefore = { readonly payload: Payload; readonly version: number };

/** The staged writes, each record once: a later write of the same record replaces an earlier one. */
export type StagedWork = {
  readonly upserts: ReadonlyMap<string, StagedUpsert>;
  readonly consumed: ReadonlyMap<string, { kind: ConsumableKind; id: string }>;
  readonly destroyed: ReadonlyMap<string, { kind: RecordKind; id: string }>;
  readonly revokedGrants: ReadonlySet<string>;
  readonly oneTimeIds: readonly OneTimeId[];
  /** Sessions as they were read, by `uid`. */
  readonly sessionsBefore: ReadonlyMap<string, SessionBefore>;
  readonly failed: boolean;
  /** A read got no answer: whatever the provider made of that, the client is to come again. */
  readonly away: boolean;
};

const keyOf = (kind: RecordKind, id: string): string => `${kind} ${id}`;

const secondKeyMember = { uid: 'uid', user_code: 'userCode' } as const;

/**
 * `read` is the token-store's find; `now` in epoch seconds. Records that a read brings along answer later finds, so that
 * a code exchange costs one read. Finds see staged writes.
 */
export const createUnitOfWork = (
  read: (request: FindRequest) => Promise<FindResponse>,
  now: () => number,
): UnitOfWork => {
  const known = new Map<string, StoredRecord>();
  const upserts = new Map<string, StagedUpsert>();
  const consumed = new Map<string, { kind: ConsumableKind; id: string }>();
  const destroyed = new Map<string, { kind: RecordKind; id: string }>();
  const revokedGrants = new Set<string>();
  const oneTimeIds: OneTimeId[] = [];
  const sessionsBefore = new Map<string, SessionBefore>();
  const state = { failed: false, away: false };

  const remember = (record: StoredRecord): void => {
    known.set(keyOf(record.kind, record.id), record);
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
      return record === undefined ? undefined : view(kind, record.id, record.payload, record.consumedAt);
    },
    upsert: (write) => {
      const key = keyOf(write.kind, write.id);
      destroyed.delete(key);
      upserts.set(key, write);
    },
    consume: (kind, id) => {
      consumed.set(keyOf(kind, id), { kind, id });
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
      get failed() {
        return state.failed;
      },
      get away() {
        return state.away;
      },
    },
  };
};
