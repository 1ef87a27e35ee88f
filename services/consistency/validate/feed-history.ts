/** What writers and followers of the revocation feed saw, by the names of tokens. */
export interface FeedHistory {
  /** Whose revocation was acknowledged. */
  readonly acknowledged: ReadonlySet<string>;
  /** Whose revocation may have happened: its answer never came. */
  readonly unknown: ReadonlySet<string>;
  /** What each follower takes for revoked, look after look. */
  readonly looks: ReadonlyMap<string, readonly ReadonlySet<string>[]>;
}

/**
 * Why a feed cannot be one that tells every acknowledged revocation, none that nobody asked for, and takes none back.
 * Entries live longer than the history. @returns a line a fault
 */
export const findFeedFaults = ({ acknowledged, unknown, looks }: FeedHistory): string[] =>
  [...looks].flatMap(([follower, seen]) => {
    const last = seen.at(-1) ?? new Set();
    const missing = [...acknowledged].filter((token) => !last.has(token));
    const invented = [...last].filter((token) => !acknowledged.has(token) && !unknown.has(token));
    const forgotten = seen.flatMap((look, index) => [...(seen[index - 1] ?? [])].filter((token) => !look.has(token)));
    return [
      ...missing.map((token) => `${follower} was never told of ${token}`),
      ...invented.map((token) => `${follower} takes ${token} for revoked, which nobody has asked for`),
      ...new Set(forgotten.map((token) => `${follower} has forgotten ${token}`)),
    ];
  });
