import type { IBackendTLSPolicy, IHTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
import type { Blueprint } from './blueprint.ts';
import { ownedMetadata } from './metadata.ts';
import { objectNames } from './object-names.ts';
import { gatewayServicePort, issuerHost } from './service.ts';

const apiVersion = 'gateway.networking.k8s.io/v1';

const buildHttpRoute = (blueprint: Blueprint, parentRefs: readonly { name: string }[]) =>
  ({
    apiVersion,
    kind: 'HTTPRoute',
    metadata: ownedMetadata(blueprint, objectNames.workload(blueprint, 'gateway'), 'gateway'),
    spec: {
      parentRefs: [...parentRefs],
      hostnames: [issuerHost(blueprint.spec.issuer)],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          backendRefs: [{ name: objectNames.workload(blueprint, 'gateway'), port: gatewayServicePort(blueprint).port }],
        },
      ],
    },
  }) satisfies IHTTPRoute;

/** Has a Gateway speak TLS to the gateway of the tenant, and verify that it is the issuer's. */
const buildBackendTlsPolicy = (blueprint: Blueprint, caConfigMapName: string | undefined) =>
  ({
    apiVersion,
    kind: 'BackendTLSPolicy',
    metadata: ownedMetadata(blueprint, objectNames.workload(blueprint, 'gateway'), 'gateway'),
    spec: {
      targetRefs: [
        {
          group: '',
          kind: 'Service',
          name: objectNames.workload(blueprint, 'gateway'),
          sectionName: gatewayServicePort(blueprint).name,
        },
      ],
      validation: {
        hostname: issuerHost(blueprint.spec.issuer),
        ...(caConfigMapName === undefined
          ? { wellKnownCACertificates: 'System' }
          : { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: caConfigMapName }] }),
      },
    },
  }) satisfies IBackendTLSPolicy;

/**
 * The way from Gateways of the Gateway API to the gateway, when the tenant asks for one. What the cluster does not serve
 * is left out: the tenant's conditions say so.
 */
export const buildGatewayApiObjects = (blueprint: Blueprint): (IHTTPRoute | IBackendTLSPolicy)[] => {
  const { exposure, tls } = blueprint.spec.gateway;
  if (exposure.gatewayAPI === undefined) return [];
  const { parentRefs, backendCAConfigMapRef } = exposure.gatewayAPI;
  return [
    ...(blueprint.served.has('HTTPRoute') ? [buildHttpRoute(blueprint, parentRefs)] : []),
    ...(tls !== undefined && blueprint.served.has('BackendTLSPolicy')
      ? [buildBackendTlsPolicy(blueprint, backendCAConfigMapRef?.name)]
      : []),
  ];
};
