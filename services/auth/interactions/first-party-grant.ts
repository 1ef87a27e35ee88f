import type { Grant, Interaction, Provider } from 'oidc-provider';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { identityScopes } from '../clients/client-metadata.ts';
import { readRequestedClaims, scopeOfClaim } from '../consent/requested-claims.ts';

const identityScopeSet: ReadonlySet<string> = new Set(identityScopes);

const listOf = (value: unknown): string[] => {
  if (Array.isArray(value)) return value.filter((item) => typeof item === 'string');
  return typeof value === 'string' ? value.split(' ').filter(Boolean) : [];
};

/** What a client asked for, sorted into what it may have and what it may not. */
export type GrantPlan = {
  identity: string[];
  refused: string[];
  /** Claims that were asked for by name: of the scopes that the client may have, and of others. */
  claims: string[];
  refusedClaims: string[];
  resources: Record<string, string[]>;
};

/** Pure: the scopes and claims of an authorization request against the client's registration. */
export const planGrant = (params: Record<string, unknown>, { scopes }: ClientRegistration): GrantPlan => {
  const allowed = new Set(scopes);
  const requested = listOf(params['scope']);
  const granted = requested.filter((scope) => allowed.has(scope));
  const claims = readRequestedClaims(params);
  const mayHave = (claim: string): boolean => allowed.has(scopeOfClaim(claim) ?? '');
  return {
    identity: granted.filter((scope) => identityScopeSet.has(scope)),
    refused: requested.filter((scope) => identityScopeSet.has(scope) && !allowed.has(scope)),
    claims: claims.filter(mayHave),
    refusedClaims: claims.filter((claim) => !mayHave(claim)),
    resources: Object.fromEntries(listOf(params['resource']).map((resource) => [resource, granted])),
  };
};

const findOrCreateGrant = async (provider: Provider, { grantId }: Interaction, link: GrantLink): Promise<Grant> => {
  const existing = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  return existing?.accountId === link.accountId && existing.clientId === link.clientId
    ? existing
    : new provider.Grant(link);
};

type GrantLink = { accountId: string; clientId: string };

/**
 * Grants what the client asks for and may have, without asking the person: all clients are the tenant's own. A sign-in
 * makes a family of its own (`isNewSignIn`); a further request in the same session extends the one that it has.
 *
 * @returns the grant's id. Stages the write in the unit of the caller.
 */
export const grantFirstParty = async (
  provider: Provider,
  interaction: Interaction,
  options: { accountId: string; registration: ClientRegistration; isNewSignIn: boolean },
): Promise<string> => {
  const { accountId, registration, isNewSignIn } = options;
  const link = { accountId, clientId: registration.clientId };
  const grant = isNewSignIn ? new provider.Grant(link) : await findOrCreateGrant(provider, interaction, link);
  const { identity, refused, claims, refusedClaims, resources } = planGrant(interaction.params, registration);
  if (identity.length > 0) grant.addOIDCScope(identity);
  if (refused.length > 0) grant.rejectOIDCScope(refused);
  if (claims.length > 0) grant.addOIDCClaims(claims);
  if (refusedClaims.length > 0) grant.rejectOIDCClaims(refusedClaims);
  for (const [resource, scopes] of Object.entries(resources)) {
    if (scopes.length > 0) grant.addResourceScope(resource, scopes);
  }
  return grant.save();
};
