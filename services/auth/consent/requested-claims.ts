import { z } from 'zod';

/** Claims about a person, by the scope that stands for them. */
export const claimsOfScopes: Readonly<Record<'email' | 'profile', readonly string[]>> = {
  email: ['email', 'email_verified'],
  profile: ['name'],
};

export const scopeOfClaim = (claim: string): string | undefined =>
  Object.entries(claimsOfScopes).find(([, claims]) => claims.includes(claim))?.[0];

const members = z.record(z.string(), z.unknown()).optional();
const claimsParameterSchema = z.object({ id_token: members, userinfo: members });

const parse = (text: unknown): unknown => {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
};

/**
 * Claims about the person that the parameter `claims` asks for by name (OpenID Connect Core, 5.5), for whichever of the two
 * places. oidc-provider has judged the parameter before; what is no such request asks for nothing.
 */
export const readRequestedClaims = ({ claims }: Record<string, unknown>): string[] => {
  const { id_token: idToken = {}, userinfo = {} } = claimsParameterSchema.safeParse(parse(claims)).data ?? {};
  return [...new Set([...Object.keys(idToken), ...Object.keys(userinfo)])].filter(
    (claim) => scopeOfClaim(claim) !== undefined,
  );
};
