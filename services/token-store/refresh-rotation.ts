import { parseTokenDay } from './client/token-value.ts';
import type { PlannedReplay, PlannedUpsert, TransactionPlan } from './transaction-plan.ts';

/** A token by the day that its value names, and its key. */
type DayedToken = { readonly day: number; readonly idHash: Buffer };

/** What a refresh comes to: one token is used up, and its successor issued to the same family. */
export interface PlannedRotation {
  readonly commitId: string;
  readonly grantHash: Buffer;
  readonly used: DayedToken;
  readonly successor: PlannedUpsert & { readonly day: number };
  readonly replay: PlannedReplay | undefined;
}

const isEmpty = (list: readonly unknown[]): boolean => list.length === 0;

const writesNothingElse = ({ upserts, destroys, consumes, ...plan }: TransactionPlan): boolean =>
  [
    plan.oneTimeIds,
    plan.revokedGrants,
    plan.writtenGrants,
    plan.expectedSessions,
    plan.messages,
    consumes.short_lived,
    ...Object.values(destroys),
    upserts.grants,
    upserts.sessions,
    upserts.interactions,
    upserts.short_lived,
  ].every(isEmpty);

/** Is nobody named but whom the token belongs to? */
const isOf = (names: readonly string[], owner: string | undefined): boolean => names.every((name) => name === owner);

/**
 * The plan as a rotation, which is the same in one statement; undefined when it is anything else. A rotation that cannot
 * be made says nothing of why: the plan does.
 */
export const findRotation = (plan: TransactionPlan): PlannedRotation | undefined => {
  const [usedHash, ...otherUses] = plan.consumedRefreshTokens;
  const [issued, ...otherIssues] = plan.upserts.tokens;
  const [replay] = plan.replays;
  if (usedHash === undefined || issued === undefined || !isEmpty([...otherUses, ...otherIssues])) return undefined;
  const { intent, idHash, grantHash } = issued;
  if (intent.kind !== 'refresh_token' || grantHash === undefined || idHash.equals(usedHash)) return undefined;
  if (!writesNothingElse(plan) || !isOf(plan.clients, intent.clientId) || !isOf(plan.subjects, intent.subject))
    return undefined;
  const successorDay = parseTokenDay(intent.id);
  if (successorDay === undefined) return undefined;
  const usedDay = plan.tokenDays.find((day) => day !== successorDay) ?? successorDay;
  return {
    commitId: plan.commitId,
    grantHash,
    used: { day: usedDay, idHash: usedHash },
    successor: { ...issued, day: successorDay },
    replay,
  };
};
