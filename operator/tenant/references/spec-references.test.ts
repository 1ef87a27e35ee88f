import { expect, it } from 'vitest';
import { buildTenant } from '../../testing/tenants.ts';
import { listReferences } from './spec-references.ts';

it('names each Secret by which images are pulled, with the entry that the kubelet reads', () => {
  const tenant = buildTenant({ imagePullSecrets: [{ name: 'registry' }, { name: 'mirror' }] });
  expect(listReferences(tenant)).toEqual(
    ['registry', 'mirror'].map((name) => ({
      field: 'spec.imagePullSecrets',
      kind: 'Secret',
      name,
      requiredEntries: ['.dockerconfigjson'],
    })),
  );
});
