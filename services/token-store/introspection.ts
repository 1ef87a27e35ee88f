import type { Queryable } from '../shared/postgres-pool.ts';
import { type IntrospectionRequest, type IntrospectionResponse, revokedTokenNamespace } from './contract.ts';
import { isActive } from './queries/introspect.ts';
import { hashOneTimeId, hashRecordId, hashSessionUid } from './record-hash.ts';

/** Without a grant (client credentials) and a session, the `jti` alone decides. */
export const introspectToken = async (
  connection: Queryable,
  { jti, grantId, sessionUid }: IntrospectionRequest,
): Promise<IntrospectionResponse> => ({
  active: await isActive(connection, {
    revocation: hashOneTimeId(revokedTokenNamespace, jti),
    grant: grantId === undefined ? null : hashRecordId('grant', grantId),
    sessionUid: sessionUid === undefined ? null : hashSessionUid(sessionUid),
  }),
});
