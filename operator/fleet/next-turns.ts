import type { OperatorRelease } from '../tenant/operator-release.ts';
import { nextVersion, supportedVersion } from '../tenant/workloads/target-version.ts';
import type { FleetTenant } from './fleet-tenant.ts';

/** What the fleet does next. */
export type Turns = {
  /** Tenants whose turn begins now, and where it brings them. */
  readonly give: readonly { readonly tenant: FleetTenant; readonly targetVersion: string }[];
  /**
   * Tenants whose turn an operator of another patch has given: it goes on to the patch of this one, which may be the one that
   * mends what their turn fails by.
   */
  readonly redirect: readonly { readonly tenant: FleetTenant; readonly targetVersion: string }[];
  /** Tenants whose turn is over. */
  readonly end: readonly FleetTenant[];
  /** Tenants that have their turn. */
  readonly rolling: readonly FleetTenant[];
  /** Of these: they were Ready, and do not become so again. While there is one, no turn begins. */
  readonly failed: readonly FleetTenant[];
  /** Tenants that wait for their turn. */
  readonly waiting: readonly FleetTenant[];
  /** Tenants that would have a turn, were they not paused, or Ready. */
  readonly passedOver: readonly FleetTenant[];
  /** When to look again though nothing changes, ms; undefined when only a change can bring news. */
  readonly lookAgainMilliseconds: number | undefined;
};

/**
 * A tenant at its turn may be without readiness for so long; one that is Stalled has failed at once. Longer than a rollout
 * without progress takes to be Stalled: what is left then waits for something that never is, such as its database.
 */
const patienceMilliseconds = 30 * 60_000;

/** Where a turn brings its tenant; undefined for one that was given for a version that this operator cannot run. */
const targetOf = ({ targetVersion }: FleetTenant, release: OperatorRelease): string | undefined =>
  targetVersion === undefined ? undefined : supportedVersion(targetVersion, release);

/** A turn that leads nowhere, or that its tenant has no use for any more. */
const isVoid = (tenant: FleetTenant, release: OperatorRelease): boolean =>
  tenant.pinned || targetOf(tenant, release) === undefined;

const isOver = (tenant: FleetTenant, release: OperatorRelease): boolean =>
  isVoid(tenant, release) || (tenant.version === tenant.targetVersion && tenant.ready);

const hasFailed = ({ stalled, notReadySince }: FleetTenant, now: Date): boolean =>
  stalled || (notReadySince !== undefined && now.getTime() - notReadySince >= patienceMilliseconds);

/** Smaller comes first: number by number. */
type Rank = readonly [stranded: number, last: number, wave: number];

type Candidate = {
  readonly tenant: FleetTenant;
  readonly targetVersion: string;
  readonly rank: Rank;
};

/**
 * Who is more than one minor version behind goes first, since every operator knows one version back only; of those who are
 * stranded, that nobody else is held up by them.
 */
const rankOf = ({ wave }: FleetTenant, targetVersion: string, release: OperatorRelease, isStranded: boolean): Rank => [
  isStranded ? 1 : 0,
  targetVersion === release.version ? 0 : -1,
  wave,
];

const compareRanks = (one: Rank, other: Rank): number => one[0] - other[0] || one[1] - other[1] || one[2] - other[2];

/**
 * Not Ready, and of a version that this operator cannot build: as long as it has no turn nobody repairs it, as when the
 * operator was set back because of what its version does.
 */
const isStranded = ({ version, ready }: FleetTenant, release: OperatorRelease): boolean =>
  !ready && version !== undefined && supportedVersion(version, release) === undefined;

const byRank = (one: Candidate, other: Candidate): number =>
  compareRanks(one.rank, other.rank) || (one.tenant.key < other.tenant.key ? -1 : 1);

/**
 * Whose turn it is to follow the operator. A lower wave goes before a higher one, which begins when no tenant of the lower
 * has its turn or waits for it; at most `maxRolling` at once. Those that are paused, or were not Ready before, hold up
 * nobody: they come when they are; where this operator cannot repair them before, after all others. One that was Ready and
 * does not become so again stops all that have not begun.
 * @param rescued UIDs of tenants that were not Ready when their turn began.
 */
export const nextTurns = (
  tenants: readonly FleetTenant[],
  release: OperatorRelease,
  maxRolling: number,
  now: Date,
  rescued: ReadonlySet<string> = new Set(),
): Turns => {
  const followers = tenants.filter(({ leaving }) => !leaving);
  const withTurn = followers.filter(({ targetVersion }) => targetVersion !== undefined);
  const end = withTurn.filter((tenant) => isOver(tenant, release));
  // Somebody who pauses a tenant at its turn takes it out of the fleet's hands.
  const rolling = withTurn.filter((tenant) => !isOver(tenant, release) && !tenant.paused);
  const redirect = rolling.flatMap((tenant) => {
    const targetVersion = targetOf(tenant, release);
    return targetVersion === undefined || targetVersion === tenant.targetVersion ? [] : [{ tenant, targetVersion }];
  });
  const failed = rolling.filter((tenant) => hasFailed(tenant, now) && !rescued.has(tenant.metadata.uid));
  const behind = followers.flatMap((tenant): Candidate[] => {
    if (tenant.pinned || tenant.version === undefined || tenant.targetVersion !== undefined) return [];
    const targetVersion = nextVersion(tenant.version, release);
    if (targetVersion === undefined || targetVersion === tenant.version) return [];
    return [{ tenant, targetVersion, rank: rankOf(tenant, targetVersion, release, isStranded(tenant, release)) }];
  });
  const mayBegin = (tenant: FleetTenant): boolean => !tenant.paused && (tenant.ready || isStranded(tenant, release));
  const candidates = behind.filter(({ tenant }) => mayBegin(tenant)).sort(byRank);
  const ranks = [
    ...candidates.map(({ rank }) => rank),
    ...rolling.map((tenant) =>
      rankOf(tenant, targetOf(tenant, release) ?? '', release, rescued.has(tenant.metadata.uid)),
    ),
  ].sort(compareRanks);
  const [current] = ranks;
  const isInTurn = ({ rank }: Candidate): boolean => current !== undefined && compareRanks(rank, current) === 0;
  const free = failed.length > 0 ? 0 : Math.max(0, maxRolling - rolling.length);
  const give = candidates.filter(isInTurn).slice(0, free);
  const given = new Set(give.map(({ tenant }) => tenant));
  const deadlines = rolling.flatMap(({ notReadySince }) =>
    notReadySince === undefined ? [] : [notReadySince + patienceMilliseconds - now.getTime()],
  );
  const ahead = deadlines.filter((milliseconds) => milliseconds > 0);
  return {
    give,
    redirect,
    end,
    rolling,
    failed,
    waiting: candidates.flatMap(({ tenant }) => (given.has(tenant) ? [] : [tenant])),
    passedOver: behind.flatMap(({ tenant }) => (mayBegin(tenant) ? [] : [tenant])),
    lookAgainMilliseconds: ahead.length === 0 ? undefined : Math.min(...ahead),
  };
};
