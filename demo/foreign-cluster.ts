import { z } from 'zod';
import { demo } from '../e2e/installation/demo-installation.ts';
import type { ManifestObject } from '../e2e/installation/kubernetes.ts';
import type { InstalledImages } from '../e2e/installation/operator-installation.ts';
import { issuerRoot } from '../services/shared/contracts/issuer-paths.ts';

/**
 * Images that a cluster of somebody else can pull, as its owner says.
 * @throws Error that says what to set
 */
export const readForeignImages = (env: NodeJS.ProcessEnv): InstalledImages => {
  const identityOperator = env['IDENTITY_OPERATOR_IMAGE'];
  if (!identityOperator) {
    throw new Error(
      'KUBECONFIG names a cluster of yours, which takes no images from this machine: build one with `make image`, push it ' +
        'to a registry that the cluster reaches, and run IDENTITY_OPERATOR_IMAGE=registry.example/identity-operator:0.1.0 ' +
        'make demo; or unset KUBECONFIG to have a cluster made for you',
    );
  }
  return { identityOperator, postgres: env['IDENTITY_OPERATOR_POSTGRES_IMAGE'] ?? 'postgres:18' };
};

const tenantSchema = z.looseObject({
  spec: z.looseObject({
    availability: z.looseObject({}).prefault({}),
    database: z.looseObject({ managed: z.looseObject({ nodeSelector: z.unknown() }) }),
    gateway: z.looseObject({ exposure: z.unknown() }),
  }),
});

const adaptTenant = (object: ManifestObject, zones: number): ManifestObject => {
  const { spec } = tenantSchema.parse(object);
  const { nodeSelector: _zone, ...managed } = spec.database.managed;
  const { exposure: _nodePort, ...gateway } = spec.gateway;
  const availability = { ...spec.availability, zoneSpread: zones > 1 ? 'Required' : 'Preferred' };
  return { ...object, spec: { ...spec, availability, gateway, database: { ...spec.database, managed } } };
};

const serviceSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({ containers: z.array(z.looseObject({ env: z.array(z.unknown()) })) }),
    }),
  }),
});

/** Where pods find the issuer's keys when its name leads nowhere: by the Service of the gateway. */
const jwksUri = `https://${demo.tenant}-gateway.${demo.namespace}.svc:${new URL(demo.issuer).port}${issuerRoot}/jwks`;

const adaptService = (object: ManifestObject): ManifestObject => {
  const { spec } = serviceSchema.parse(object);
  const containers = spec.template.spec.containers.map((container) => ({
    ...container,
    env: [...container.env, { name: 'JWKS_URI', value: jwksUri }],
  }));
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: { ...spec.template.spec, containers } } } };
};

/**
 * The demo for a cluster that is not ours to change: its DNS does not know the issuer, so that the services are told where
 * the keys are; its zones have names of their own, or there are none; and its nodes need not be reachable from here, so
 * that no node port is asked for.
 * @param zones how many zones its nodes are in
 */
export const adaptToForeignCluster =
  (zones: number) =>
  (object: ManifestObject): ManifestObject => {
    if (object.kind === 'IdentityTenant') return adaptTenant(object, zones);
    return object.kind === 'Deployment' ? adaptService(object) : object;
  };
