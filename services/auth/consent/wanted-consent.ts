import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { planGrant } from '../interactions/first-party-grant.ts';
import type { AuthSettings } from '../settings.ts';
import { claimsOfScopes, scopeOfClaim } from './requested-claims.ts';

/** What an application wants to have, and under which policy. */
export type WantedConsent = {
  readonly scopes: readonly string[];
  /** Claims about the person that these scopes stand for. */
  readonly claims: readonly string[];
  readonly policyVersion: string;
};

export const needsConsent = ({ consent }: ClientRegistration): boolean => consent === 'required';

/** Whether an application wants the person to be asked, whatever they agreed to before (`prompt=consent`). */
export const wantsQuestion = ({ prompt }: Record<string, unknown>): boolean =>
  typeof prompt === 'string' && prompt.split(' ').includes('consent');

const claimsOf = (scope: string): readonly string[] =>
  Object.entries(claimsOfScopes).find(([name]) => name === scope)?.[1] ?? [];

/**
 * What an authorization request asks of a person: of the scopes that it names, those that the client may have. A claim that
 * is asked for by name is put to the person as the scope that stands for it: nobody is asked about single claims.
 */
export const buildWantedConsent = (
  params: Record<string, unknown>,
  registration: ClientRegistration,
  { policyVersion }: AuthSettings['consent'],
): WantedConsent => {
  const { identity, claims, resources } = planGrant(params, registration);
  const requested = typeof params['scope'] === 'string' ? params['scope'].split(' ') : [];
  const allowed = new Set([...registration.scopes, ...identity, ...Object.values(resources).flat()]);
  const ofClaims = claims.flatMap((claim) => scopeOfClaim(claim) ?? []);
  const scopes = [...new Set([...requested.filter((scope) => allowed.has(scope)), ...ofClaims])].sort();
  return { scopes, claims: scopes.flatMap(claimsOf), policyVersion };
};

/** What of it somebody has not agreed to yet; undefined when they have agreed to all of it, under this policy. */
export const decideMissingConsent = (
  wanted: WantedConsent,
  given: WantedConsent | undefined,
): readonly string[] | undefined => {
  if (given === undefined || given.policyVersion !== wanted.policyVersion) return wanted.scopes;
  const agreed = new Set(given.scopes);
  const missing = wanted.scopes.filter((scope) => !agreed.has(scope));
  return missing.length === 0 ? undefined : missing;
};

/** What is agreed to with a new consent: what was before under the same policy, and what is wanted now. */
export const joinConsents = (wanted: WantedConsent, given: WantedConsent | undefined): WantedConsent => {
  if (given?.policyVersion !== wanted.policyVersion) return wanted;
  const join = (...lists: (readonly string[])[]) => [...new Set(lists.flat())].sort();
  return { ...wanted, scopes: join(given.scopes, wanted.scopes), claims: join(given.claims, wanted.claims) };
};
