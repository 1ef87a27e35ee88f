const label = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
/** A DNS name in lower case. The last label begins with a letter: else it would be an address, or no host at all. */
const host = `(${label}\\.)*[a-z]([-a-z0-9]{0,61}[a-z0-9])?`;
/** Such a name alone. */
export const hostPattern = new RegExp(`^${host}$`);

/** 1 to 65535. */
const port = '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';

/**
 * The issuer is compared by string by every client, so one spelling only: https, no user info, query, fragment, no
 * trailing slash, no dot segments. A regular expression of its own, since CEL's isURL lets all of these through.
 */
export const issuerPattern = new RegExp(`^https://${host}(:${port})?(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`);

/** Any https URL that needs no escaping, with path and query. */
export const httpsUrlPattern = new RegExp(
  `^https://${host}(:${port})?(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*(\\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?)?$`,
);
