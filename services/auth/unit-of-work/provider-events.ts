import type { CommitOutcome } from './commit.ts';
import type { HeldEvent } from './current-unit.ts';

/**
 * Events by which oidc-provider tells that the request failed. `backchannel.error` is none: a client that could not be
 * told of a sign-out does not undo it.
 */
export const isFailureEvent = (name: string): boolean =>
  name === 'server_error' || (name.endsWith('.error') && name !== 'backchannel.error');

/** What stays true when the request failed or its work was dropped. */
const survivesFailure = (name: string): boolean =>
  isFailureEvent(name) || name === 'backchannel.error' || name === 'grant.revoked' || name.endsWith('.destroyed');

/** The events that may be told now: of a dropped success nobody hears, of a failure only what was kept. */
export const decideReleasedEvents = (
  events: readonly HeldEvent[],
  { failed, outcome }: { failed: boolean; outcome: CommitOutcome },
): HeldEvent[] => {
  // What the provider calls a fault of its own was ours: the caller logs it.
  if (outcome.kind === 'unavailable' || outcome.kind === 'replayed') return [];
  if (outcome.kind === 'refused') return events.filter(({ name }) => isFailureEvent(name));
  return failed ? events.filter(({ name }) => survivesFailure(name)) : [...events];
};
