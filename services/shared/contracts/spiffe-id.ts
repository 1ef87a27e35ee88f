/** Who speaks inside of a tenant. */
export const roles = ['gateway', 'auth', 'token-store', 'operator'] as const;
export type Role = (typeof roles)[number];

/** A tenant as certificates name it. */
export type TenantName = { tenant: string; namespace: string };

/** URI SAN of a certificate of the internal mTLS: `spiffe://<tenant>.<namespace>/<role>`. */
export const spiffeId = ({ tenant, namespace, role }: TenantName & { role: Role }): string =>
  `spiffe://${tenant}.${namespace}/${role}`;
