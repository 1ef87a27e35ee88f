import { expect, it } from 'vitest';
import { apiVersion } from '../../api/group.ts';
import { identityTenantSchema } from '../../api/identity-tenant.ts';
import type { KubernetesClient } from '../../runtime/kubernetes-client.ts';
import type { ObjectReference } from '../../runtime/resource-kind.ts';
import { builtInResources } from '../../runtime/resource-kind.ts';
import { createTenantConfirmation, OutdatedTenantError } from './tenant-confirmation.ts';

const build = (generation: number) => ({
  apiVersion,
  kind: 'IdentityTenant',
  metadata: { name: 'acme', namespace: 'shop', uid: 'u', resourceVersion: '1', generation },
  spec: { issuer: 'https://id.acme.example' },
});

const settings = { resource: builtInResources.configMaps, namespace: 'shop', name: 'acme-auth-live' };

/** A client of an API server that has the tenant in its second generation, for a pass that knows the `known` one. */
const start = (known: number) => {
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const client = {
    get: async ({ name }: ObjectReference) => {
      asked.push(name);
      await new Promise<void>((resolve) => answers.push(resolve));
      return name === 'acme' ? build(2) : build(1);
    },
    patchMerge: async ({ name }: ObjectReference) => {
      asked.push(`patch ${name}`);
      return build(1);
    },
    // A fake of two verbs.
  } as unknown as KubernetesClient;
  const tenant = identityTenantSchema.parse(build(known));
  const guarded = createTenantConfirmation().guard(client, tenant, new AbortController().signal);
  const answer = () => {
    for (const send of answers.splice(0)) send();
  };
  return { asked, answer, guarded };
};

it('asks for the tenant beside the first read that a write needs, and once', async () => {
  const { asked, answer, guarded } = start(2);
  const reading = guarded.get(settings);
  expect(asked).toEqual(['acme', 'acme-auth-live']);
  answer();
  await reading;
  await guarded.patchMerge(settings, {});
  await guarded.patchMerge(settings, {});
  expect(asked).toEqual(['acme', 'acme-auth-live', 'patch acme-auth-live', 'patch acme-auth-live']);
});

it('a tenant that is another one holds no read up, and every write', async () => {
  const { asked, answer, guarded } = start(1);
  const reading = guarded.get(settings);
  answer();
  await reading;
  await expect(guarded.patchMerge(settings, {})).rejects.toBeInstanceOf(OutdatedTenantError);
  expect(asked).toEqual(['acme', 'acme-auth-live']);
});
