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

it('names the Secrets of the entrance for certificates', () => {
  const clientCertificates = { host: 'mtls.acme.example', tlsSecretName: 'mtls', caSecretRef: { name: 'client-ca' } };
  const field = 'spec.gateway.clientCertificates';
  expect(listReferences(buildTenant({ gateway: { clientCertificates } }))).toEqual([
    { field: `${field}.tlsSecretName`, kind: 'Secret', name: 'mtls', requiredEntries: ['tls.crt', 'tls.key'] },
    { field: `${field}.caSecretRef`, kind: 'Secret', name: 'client-ca', requiredEntries: ['ca.crt'] },
  ]);
});
