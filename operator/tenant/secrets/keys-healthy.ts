import { parseKeyring } from '../../keys/signing-keyring.ts';
import type { ObservedSecret } from '../observed.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';

/** Whether there is a key that signs. It never touches Ready: what runs holds its keys in memory. */
export const decideKeysHealthy = (secret: ObservedSecret | undefined): TenantVerdict => {
  const type = 'KeysHealthy';
  if (secret === undefined)
    return { type, status: 'Unknown', reason: 'Waiting', message: 'the signing keys are not made yet' };
  const active = parseKeyring(secret.entries)?.keys.find(({ state }) => state === 'Active');
  if (active === undefined) {
    const message = `Secret "${secret.metadata.name}" holds no active signing key; restore it from a backup`;
    return { type, status: 'False', reason: 'NoActiveKey', message };
  }
  const since = active.activatedAt ?? active.createdAt;
  return {
    type,
    status: 'True',
    reason: 'KeyActive',
    message: `key ${active.kid} (${active.algorithm}) signs since ${since}`,
  };
};
