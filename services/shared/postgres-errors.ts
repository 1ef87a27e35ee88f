/** Raised instead of waiting when more work waits for a connection than could be served in time. */
export class DatabaseBusyError extends Error {
  override readonly name = 'DatabaseBusyError';
  readonly code = 'POOL_EXHAUSTED';
}

/** Raised on a connection to another database than the one that this process was told of. */
export class DatabaseChangedError extends Error {
  override readonly name = 'DatabaseChangedError';
  readonly code = 'DATABASE_CHANGED';
}

// Classes and codes of https://www.postgresql.org/docs/current/errcodes-appendix.html that say "not now", not "never".
const transientSqlStates = new Set([
  '23514', // check_violation: a token of a day that has no partition yet
  '25006', // read_only_sql_transaction: we talk to a former primary
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53300', // too_many_connections
  '55P03', // lock_not_available
  '57014', // query_canceled, by our statement timeout
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '28P01', // invalid_password: it was rotated and our file is not, yet
  '28000', // invalid_authorization_specification
]);
const networkErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
]);
// OpenSSL's and Node's names for a certificate that does not verify: somebody has to act, and until then it is away.
const tlsErrors = /^(ERR_TLS|ERR_SSL|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_|HOSTNAME_MISMATCH)/;
// pg raises these without a code; its words for a lost connection, a wait in the pool, and its own query timeout.
const codelessMessages: readonly (readonly [pattern: RegExp, code: string])[] = [
  [/timeout exceeded when trying to connect|connection timeout|timeout expired/i, 'CONNECT_TIMEOUT'],
  [/query read timeout/i, 'QUERY_TIMEOUT'],
  [/connection terminated|connection ended|not queryable|after calling end on the pool/i, 'CONNECTION_LOST'],
  [/server does not support SSL/i, 'TLS_NOT_SUPPORTED'],
];

/**
 * A code that is safe to show (SQLSTATE, `ECONNREFUSED`, `CONNECTION_LOST`, ...) for whatever pg threw; never a message,
 * since those may hold values.
 */
export const databaseErrorCode = (error: unknown): string => {
  if (!(error instanceof Error)) return 'UNKNOWN';
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code;
  return codelessMessages.find(([pattern]) => pattern.test(error.message))?.[1] ?? 'UNKNOWN';
};

/**
 * Is the database unable to answer for now? Callers answer 503 with `Retry-After`; whether the statement took effect is
 * unknown. False for what a repetition cannot cure (a missing table, a denied permission).
 */
export const isDatabaseUnavailable = (error: unknown): boolean => {
  const code = databaseErrorCode(error);
  return (
    transientSqlStates.has(code) ||
    networkErrors.has(code) ||
    code.startsWith('08') ||
    tlsErrors.test(code) ||
    code === 'POOL_EXHAUSTED' ||
    code === 'DATABASE_CHANGED' ||
    codelessMessages.some(([, name]) => name === code)
  );
};
