import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseManifests } from '../e2e/installation/kubernetes.ts';
import { adaptToForeignCluster, readForeignImages } from './foreign-cluster.ts';

const read = (name: string) => parseManifests(readFileSync(`examples/${name}.yaml`, 'utf8'));

describe('readForeignImages', () => {
  it('says what to set when there is no image', () => {
    expect(() => readForeignImages({})).toThrow(/IDENTITY_OPERATOR_IMAGE=/);
  });

  it('takes the names from the environment', () => {
    expect(readForeignImages({ IDENTITY_OPERATOR_IMAGE: 'r/op:1' })).toEqual({
      identityOperator: 'r/op:1',
      postgres: 'postgres:18',
    });
    expect(
      readForeignImages({ IDENTITY_OPERATOR_IMAGE: 'r/op:1', IDENTITY_OPERATOR_POSTGRES_IMAGE: 'r/pg:2' }),
    ).toEqual({
      identityOperator: 'r/op:1',
      postgres: 'r/pg:2',
    });
  });
});

describe('adaptToForeignCluster', () => {
  it('asks for no zone by name, no node port, and no more zones than there are', () => {
    const [tenant] = read('tenant').map(adaptToForeignCluster(1));
    expect(tenant).toMatchObject({
      spec: {
        issuer: 'https://acme.localhost:8443',
        availability: { zoneSpread: 'Preferred' },
        gateway: { tls: { secretName: 'acme-gateway-tls' } },
        database: { managed: { storage: '1Gi' } },
      },
    });
    expect(JSON.stringify(tenant)).not.toMatch(/nodeSelector|NodePort/);
    expect(read('tenant').map(adaptToForeignCluster(3))[0]).toMatchObject({
      spec: { availability: { zoneSpread: 'Required' } },
    });
  });

  it('tells each service where the keys are, and leaves the issuer as it is', () => {
    const deployments = read('services')
      .map(adaptToForeignCluster(3))
      .filter(({ kind }) => kind === 'Deployment');
    expect(deployments).toHaveLength(3);
    for (const deployment of deployments) {
      expect(JSON.stringify(deployment)).toContain(
        '{"name":"JWKS_URI","value":"https://acme-gateway.demo.svc:8443/oauth2/jwks"}',
      );
      expect(JSON.stringify(deployment)).toContain('{"name":"ISSUER","value":"https://acme.localhost:8443"}');
    }
  });

  it('leaves everything else as it is', () => {
    expect(read('client').map(adaptToForeignCluster(1))).toEqual(read('client'));
  });
});
