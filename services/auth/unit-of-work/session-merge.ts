import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { FindRequest, FindResponse } from '../../token-store/contract.ts';
import type { Payload, SessionBefore, StagedWork } from './unit-of-work.ts';

const authorizationSchema = z.looseObject({
  families: z.array(z.string()).optional(),
  persistsLogout: z.boolean().optional(),
});
const authorizationsSchema = z.record(z.string(), authorizationSchema).catch({});
type Authorization = z.infer<typeof authorizationSchema>;

const loginMembers = ['accountId', 'loginTs', 'amr', 'acr', 'transient'];

/** Of each member: ours when we have changed it, else theirs. */
const mergeMembers = (base: Payload, ours: Payload, theirs: Payload): Payload => {
  const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  const merged: Payload = {};
  for (const name of names) {
    const source = isDeepStrictEqual(ours[name], base[name]) ? theirs : ours;
    if (source[name] !== undefined) merged[name] = source[name];
  }
  return merged;
};

const pickLogin = (session: Payload): Payload =>
  Object.fromEntries(loginMembers.filter((name) => session[name] !== undefined).map((name) => [name, session[name]]));

const decideLogin = (ours: Payload, theirs: Payload): Payload => {
  if (ours['accountId'] === undefined) return pickLogin(theirs);
  const isNewer = Number(theirs['loginTs'] ?? 0) > Number(ours['loginTs'] ?? 0);
  return pickLogin(theirs['accountId'] === ours['accountId'] && isNewer ? theirs : ours);
};

const mergeAuthorization = (ours: Authorization, theirs: Authorization): Authorization => {
  const families = [...new Set([...(theirs.families ?? []), ...(ours.families ?? [])])];
  return {
    ...theirs,
    ...ours,
    ...(families.length > 0 && { families }),
    ...((ours.persistsLogout || theirs.persistsLogout) && { persistsLogout: true }),
  };
};

/** The clients of both; one that we have signed out stays so, and with it what others were given meanwhile. */
const mergeAuthorizations = (base: Payload, ours: Payload, theirs: Payload): Record<string, Authorization> => {
  const [before, own, other] = [base, ours, theirs].map((session) =>
    authorizationsSchema.parse(session['authorizations'] ?? {}),
  );
  const merged: Record<string, Authorization> = { ...own };
  for (const [clientId, theirAuthorization] of Object.entries(other ?? {})) {
    const ownAuthorization = own?.[clientId];
    if (ownAuthorization !== undefined) merged[clientId] = mergeAuthorization(ownAuthorization, theirAuthorization);
    else if (before?.[clientId] === undefined) merged[clientId] = theirAuthorization;
  }
  return merged;
};

/**
 * Pure: one session of what two requests have made of `base`. Nothing that either has authorized is lost, else a
 * sign-out would not find it. Of two logins of one account the newer counts; of two accounts ours, alone.
 */
export const mergeSessions = (base: Payload, ours: Payload, theirs: Payload): Payload => {
  const rest = Object.fromEntries(
    Object.entries(mergeMembers(base, ours, theirs)).filter(
      ([name]) => name !== 'authorizations' && !loginMembers.includes(name),
    ),
  );
  const isOfOneAccount =
    ours['accountId'] === undefined || theirs['accountId'] === undefined || ours['accountId'] === theirs['accountId'];
  const authorizations = isOfOneAccount
    ? mergeAuthorizations(base, ours, theirs)
    : authorizationsSchema.parse(ours['authorizations'] ?? {});
  return {
    ...rest,
    ...decideLogin(ours, theirs),
    ...(Object.keys(authorizations).length > 0 && { authorizations }),
  };
};

/**
 * The staged work on top of the sessions as they are now. Undefined when one of them was signed out meanwhile: what was
 * to be issued in it must not be.
 */
export const rebaseSessions = async (
  staged: StagedWork,
  find: (request: FindRequest) => Promise<FindResponse>,
): Promise<StagedWork | undefined> => {
  const upserts = new Map(staged.upserts);
  const destroyed = new Map(staged.destroyed);
  const sessionsBefore = new Map(staged.sessionsBefore);
  for (const [uid, { payload: base }] of staged.sessionsBefore) {
    const { record } = await find({ kind: 'session', by: 'uid', value: uid });
    const theirs: SessionBefore | undefined = record && { payload: record.payload, version: record.version ?? 0 };
    const ours = [...upserts].find(([, write]) => write.kind === 'session' && write.payload['uid'] === uid);
    if (theirs === undefined) {
      if (ours !== undefined) return undefined;
      continue;
    }
    sessionsBefore.set(uid, theirs);
    if (destroyed.delete(`session ${base['jti']}`)) {
      const id = String(theirs.payload['jti']);
      destroyed.set(`session ${id}`, { kind: 'session', id });
    }
    if (ours === undefined) continue;
    const [key, write] = ours;
    const payload = mergeSessions(base, write.payload, theirs.payload);
    const id = String(payload['jti']);
    upserts.delete(key);
    upserts.set(`session ${id}`, { ...write, id, payload });
  }
  return { ...staged, failed: staged.failed, away: staged.away, upserts, destroyed, sessionsBefore };
};
