import { z } from 'zod';
import type { Payload, StagedWork } from './unit-of-work.ts';

/**
 * Families (grants) that were started in a session and end with it, kept by client in the session's own
 * `authorizations`. oidc-provider remembers the last one only, and two tabs that sign in have one each.
 */
const authorizationsSchema = z.record(z.string(), z.looseObject({ families: z.array(z.string()).optional() }));

/** The newest are kept: a session that collects more has long outlived the tokens of the oldest. */
const maxFamiliesPerClient = 50;

/** Adds a family to a client's entry of a session, in place, as oidc-provider changes it too. */
export const addSessionFamily = (authorization: Record<string, unknown>, grantId: string): void => {
  const before = z.array(z.string()).catch([]).parse(authorization['families']);
  authorization['families'] = [...before.filter((family) => family !== grantId), grantId].slice(-maxFamiliesPerClient);
};

const familiesOf = (session: Payload | undefined): string[] => {
  const parsed = authorizationsSchema.safeParse(session?.['authorizations'] ?? {});
  return parsed.success ? Object.values(parsed.data).flatMap(({ families = [] }) => families) : [];
};

/**
 * Families to revoke because their session ends in this unit, wholly or for one client. A session that merely gets a new
 * identifier is destroyed and upserted under the same `uid`.
 */
export const decideEndedFamilies = ({ sessionsBefore, destroyed, upserts }: StagedWork): string[] => {
  const sessionsAfter = upserts.values().filter(({ kind }) => kind === 'session');
  const after = new Map(sessionsAfter.map(({ payload }) => [payload['uid'], payload]));
  return [...sessionsBefore].flatMap(([uid, before]) => {
    const id = before['jti'];
    const later = after.get(uid);
    if (later === undefined && !destroyed.has(`session ${id}`)) return [];
    const kept = new Set(familiesOf(later));
    return familiesOf(before).filter((family) => !kept.has(family));
  });
};
