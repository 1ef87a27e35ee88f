import type { Queryable } from '../shared/postgres-pool.ts';
import type { IntrospectionRequest, IntrospectionResponse } from './contract.ts';
import { isActive } from './queries/introspect.ts';
import { hashRecordId, hashSessionUid, hashTokenId } from './record-hash.ts';

/** Without a grant (client credentials) and a session, the `jti` and the client's epoch decide. */
export const introspectToken = async (
  connection: Queryable,
  { jti, clientId, clientEpoch = 0, grantId, sessionUid }: IntrospectionRequest,
): Promise<IntrospectionResponse> => ({
  active: await isActive(connection, {
    tokenHash: hashTokenId(jti),
    grantHash: grantId === undefined ? null : hashRecordId('grant', grantId),
    sessionUidHash: sessionUid === undefined ? null : hashSessionUid(sessionUid),
    clientId,
    clientEpoch,
  }),
});
