/**
 * Cookies by which auth knows a browser. `__Host-` cookies belong to exactly this host, and demand the path `/`, which an
 * issuer with a path of its own may share with others.
 */
export const issuerCookies = {
  hostSession: '__Host-session',
  pathSession: '__Secure-session',
  interaction: '__Secure-interaction',
  resume: '__Secure-resume',
  /** A device that has signed in before: strangers' guesses at a password do not count against it. */
  device: '__Secure-device',
} as const;

const names: ReadonlySet<string> = new Set(
  Object.values(issuerCookies).flatMap((name) => [
    name,
    // Its signature.
    `${name}.sig`,
  ]),
);

/** Whether a cookie of this name is auth's alone; routes of a tenant share its host, and must neither see nor set it. */
export const isIssuerCookie = (name: string): boolean => names.has(name);
