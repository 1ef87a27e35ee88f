/**
 * What clients do to one family of tokens, as they see it. Tokens are named by what the history saw of them, be it their
 * values or numbers in their place.
 */
export type FamilyAction =
  /** The exchange of the code that began the family. */
  | { readonly kind: 'exchange' }
  | { readonly kind: 'refresh'; readonly token: string }
  /** Somebody ends the family: a revocation, a sign-out, an account that is disabled, a client that is deleted. */
  | { readonly kind: 'revoke' }
  /** Asks whether a refresh token can still be used. */
  | { readonly kind: 'inspect'; readonly token: string }
  /** Asks whether an access token of the family still counts. */
  | { readonly kind: 'introspect' };

/** What came of it. `unknown`: no answer, or one that says to come again; the action may have happened, or may still. */
export type FamilyOutcome =
  | { readonly kind: 'issued'; readonly token: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'revoked' }
  | { readonly kind: 'active' }
  | { readonly kind: 'inactive' }
  | { readonly kind: 'unknown' };

/** One action between its first byte sent and its answer's last received; times of one monotonic clock, ms. */
export type Operation<Action, Outcome> = {
  readonly action: Action;
  readonly outcome: Outcome;
  readonly start: number;
  /** Infinity when there was no answer. */
  readonly end: number;
};
export type FamilyOperation = Operation<FamilyAction, FamilyOutcome>;
