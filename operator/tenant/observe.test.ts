import type { ISecret } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { apiVersion, labels, managedByValue } from '../api/group.ts';
import type { LiveObject, OwnerReference } from '../runtime/kubernetes-object.ts';
import { buildTenant } from '../testing/tenants.ts';
import { createTenantCaches } from './caches/tenant-caches.ts';
import { observeTenant } from './observe.ts';

const tenant = buildTenant({});
const { name, uid } = tenant.metadata;
const controller = (kind: string, owner: string): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid: owner,
  controller: true,
});

/** Names of the Secrets with the labels of the tenant that count as its own. */
const ownSecrets = async (owners: Readonly<Record<string, readonly OwnerReference[]>>): Promise<string[]> => {
  const caches = createTenantCaches();
  for (const [secret, ownerReferences] of Object.entries(owners)) {
    const given = { [labels.managedBy]: managedByValue, [labels.instance]: name };
    caches.secrets.upsert({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: secret,
        namespace: 'shop',
        uid: secret,
        resourceVersion: '1',
        labels: given,
        ownerReferences: [...ownerReferences],
      },
    } satisfies LiveObject & ISecret);
  }
  const nothing = async () => undefined;
  const observed = await observeTenant(
    tenant,
    {
      caches,
      content: { read: nothing },
      client: { get: nothing },
      serviceAccountTokens: { current: () => undefined },
      states: { healthOf: () => undefined },
    },
    new AbortController().signal,
  );
  return [...observed.secrets.keys()];
};

describe('a Secret with the labels of a tenant', () => {
  it('is its own when it owns it, or nobody does', async () => {
    expect(await ownSecrets({ owned: [controller('IdentityTenant', uid)], retained: [] })).toEqual([
      'owned',
      'retained',
    ]);
  });

  it('is that of an earlier tenant, or of a client, whatever its name', async () => {
    expect(
      await ownSecrets({
        'acme-internal-ca': [controller('IdentityClient', 'a client')],
        'acme-auth-identity': [controller('IdentityTenant', 'an earlier one')],
      }),
    ).toEqual([]);
  });
});
