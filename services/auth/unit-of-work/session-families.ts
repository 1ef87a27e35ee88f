import { z } from 'zod';
import type { Payload, StagedUpsert, StagedWork } from './unit-of-work.ts';

/**
 * Families (grants) that were started in a session and end with it, kept by client in the session's own
 * `authorizations`. oidc-provider remembers the last one only, and two tabs that sign in have one each.
 */
const authorizationsSchema = z.record(z.string(), z.looseObject({ families: z.array(z.string()).optional() }));

const codeSchema = z
  .object({ grantId: z.string(), clientId: z.string(), sessionUid: z.string(), scope: z.string().optional() })
  .transform(({ scope = '', ...links }) => ({ ...links, isOffline: scope.split(' ').includes('offline_access') }));

/** The newest are kept: a session that collects more has long outlived the tokens of the oldest. */
const maxFamiliesPerClient = 50;

/**
 * A session's payload with the families of the codes that were issued in it by the same unit. Those with offline access
 * are meant to outlive it.
 */
export const addSessionFamilies = (session: Payload, upserts: Iterable<StagedUpsert>): Payload => {
  const authorizations = authorizationsSchema.safeParse(session['authorizations'] ?? {});
  if (!authorizations.success) return session;
  const added = structuredClone(authorizations.data);
  for (const { kind, payload } of upserts) {
    const code = kind === 'authorization_code' ? codeSchema.safeParse(payload) : undefined;
    if (!code?.success || code.data.sessionUid !== session['uid'] || code.data.isOffline) continue;
    const { clientId, grantId } = code.data;
    const { families = [] } = added[clientId] ?? {};
    const newest = [...families.filter((family) => family !== grantId), grantId].slice(-maxFamiliesPerClient);
    added[clientId] = { ...added[clientId], families: newest };
  }
  return { ...session, ...(session['authorizations'] !== undefined && { authorizations: added }) };
};

/** The families that end with a session. */
export const familiesOf = (session: Payload | undefined): string[] => {
  const parsed = authorizationsSchema.safeParse(session?.['authorizations'] ?? {});
  return parsed.success ? Object.values(parsed.data).flatMap(({ families = [] }) => families) : [];
};

/**
 * Families to revoke because their session ends in this unit, wholly or for one client. A session that merely gets a new
 * identifier is destroyed and upserted under the same `uid`.
 */
export const decideEndedFamilies = ({ sessionsBefore, destroyed, upserts }: StagedWork): string[] => {
  const sessionsAfter = [...upserts.values()].filter(({ kind }) => kind === 'session');
  const after = new Map(sessionsAfter.map(({ payload }) => [payload['uid'], payload]));
  return [...sessionsBefore].flatMap(([uid, { payload: before }]) => {
    const id = before['jti'];
    const later = after.get(uid);
    if (later === undefined && !destroyed.has(`session ${id}`)) return [];
    const kept = new Set(familiesOf(later));
    return familiesOf(before).filter((family) => !kept.has(family));
  });
};
