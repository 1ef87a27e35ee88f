/**
 * Parameter of a `postgres://` URL that names the id which the database must have. It stands there, and not beside the
 * URL, so that the two never come apart: a mounted file changes as a whole.
 */
export const databaseIdParameter = 'database_id';
