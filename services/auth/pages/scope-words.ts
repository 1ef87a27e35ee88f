import { texts } from './texts.ts';

const order = Object.keys(texts.scopes);
const placeOf = (scope: string): number => (order.includes(scope) ? order.indexOf(scope) : order.length);

/** What scopes stand for, to the person who is asked for them: who it is first, then the rest. */
export const describeScopes = (scopes: readonly string[]): string[] =>
  [...scopes]
    .sort((a, b) => placeOf(a) - placeOf(b))
    .map((scope) => texts.scopes[scope] ?? texts.consent.otherScope(scope));
