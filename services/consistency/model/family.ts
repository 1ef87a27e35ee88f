import type { FamilyAction, FamilyOutcome } from './operation.ts';

/**
 * A family of tokens as RFC 6749 and RFC 9700 (4.14.2) have it, one action at a time: the code and every refresh token can
 * be used once, each refresh token has at most one successor, and after the end of a family nothing of it can be used.
 * Beyond these: whoever did not get the answer to a refresh may ask again, and gets the same successor while that is unused.
 */
export type FamilyState = {
  readonly isRevoked: boolean;
  readonly isCodeUsed: boolean;
  /** Every token that was issued, with what it was used up for; `unseen`: for a successor in an answer that got lost. */
  readonly tokens: ReadonlyMap<string, string | typeof unused | typeof unseen>;
};

export const unused = Symbol('unused');
export const unseen = Symbol('unseen');

export const newFamily: FamilyState = { isRevoked: false, isCodeUsed: false, tokens: new Map() };

const revoked = (state: FamilyState): FamilyState => ({ ...state, isRevoked: true });

const withToken = (state: FamilyState, token: string, use: string | typeof unused | typeof unseen): FamilyState => ({
  ...state,
  tokens: new Map([...state.tokens, [token, use]]),
});

/**
 * How sure a refusal is. `lossy`: on the ways between the services answers get lost. Then an exchange may be made, its family be
 * ended by somebody who presents the code again, and the exchange, which is sent again, be refused: nobody gets the code.
 */
export type Ways = 'sound' | 'lossy';

const exchange = (state: FamilyState, outcome: FamilyOutcome, ways: Ways): FamilyState[] => {
  const canBeUsed = !state.isRevoked && !state.isCodeUsed;
  const used = { ...state, isCodeUsed: true };
  const whenUsable = ways === 'lossy' ? [revoked(used)] : [];
  // Whoever presents a code again may end the family, or may only have lost a race for it.
  const whenRefused = canBeUsed ? whenUsable : [state, revoked(state)];
  switch (outcome.kind) {
    case 'issued':
      return canBeUsed && !state.tokens.has(outcome.token) ? [withToken(used, outcome.token, unused)] : [];
    case 'refused':
      return whenRefused;
    case 'unknown':
      return [state, ...(canBeUsed ? [used, ...whenUsable] : whenRefused)];
    default:
      return [];
  }
};

const refreshRefused = (state: FamilyState, use: string | symbol | undefined): FamilyState[] => {
  if (state.isRevoked) return [state];
  // Of a token that was never issued there is nothing to end.
  if (use === undefined) return [state];
  if (use === unused) return [];
  const successorUse = typeof use === 'string' ? state.tokens.get(use) : undefined;
  // Used twice, and its successor is in use: two parties have it, and both lose it.
  if (successorUse !== undefined && successorUse !== unused) return [revoked(state)];
  return [state, revoked(state)];
};

const refreshIssued = (state: FamilyState, token: string, successor: string): FamilyState[] => {
  const use = state.tokens.get(token);
  if (state.isRevoked || use === undefined) return [];
  const isNew = !state.tokens.has(successor);
  if (use === unused || use === unseen)
    return isNew ? [withToken(withToken(state, token, successor), successor, unused)] : [];
  // The answer once more, and no other: the family never forks.
  return use === successor && state.tokens.get(successor) === unused ? [state] : [];
};

const refresh = (state: FamilyState, token: string, outcome: FamilyOutcome): FamilyState[] => {
  const use = state.tokens.get(token);
  switch (outcome.kind) {
    case 'issued':
      return refreshIssued(state, token, outcome.token);
    case 'refused':
      return refreshRefused(state, use);
    case 'unknown':
      if (state.isRevoked || use === undefined) return [state];
      return use === unused ? [state, withToken(state, token, unseen)] : [state, ...refreshRefused(state, use)];
    default:
      return [];
  }
};

const answersYes = (state: FamilyState, holds: boolean, outcome: FamilyOutcome): FamilyState[] => {
  if (outcome.kind === 'unknown') return [state];
  return outcome.kind === (holds ? 'active' : 'inactive') ? [state] : [];
};

/** The states that a family may be in after an action with this outcome; none when the outcome cannot be. */
export const stepFamily = (
  state: FamilyState,
  action: FamilyAction,
  outcome: FamilyOutcome,
  ways: Ways = 'sound',
): FamilyState[] => {
  switch (action.kind) {
    case 'exchange':
      return exchange(state, outcome, ways);
    case 'refresh':
      return refresh(state, action.token, outcome);
    case 'revoke':
      if (outcome.kind === 'unknown') return [state, revoked(state)];
      return outcome.kind === 'revoked' ? [revoked(state)] : [];
    case 'inspect':
      return answersYes(state, !state.isRevoked && state.tokens.get(action.token) === unused, outcome);
    case 'introspect':
      return answersYes(state, !state.isRevoked, outcome);
  }
};

/** Equal for states that cannot be told apart. */
export const describeFamily = ({ isRevoked, isCodeUsed, tokens }: FamilyState): string =>
  JSON.stringify([isRevoked, isCodeUsed, [...tokens].map(([token, use]) => [token, String(use)]).sort()]);
