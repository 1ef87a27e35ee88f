import type { IIngress } from 'kubernetes-models/networking.k8s.io/v1';
import type { Blueprint } from './blueprint.ts';
import { ownedMetadata } from './metadata.ts';
import { objectNames } from './object-names.ts';
import { gatewayServicePort, issuerHost } from './service.ts';

/**
 * The way from an Ingress controller to the gateway, when the tenant asks for one. The whole host is the gateway's: it
 * decides itself what is the issuer's and what is a route.
 */
export const buildIngresses = (blueprint: Blueprint): IIngress[] => {
  const { ingress } = blueprint.spec.gateway.exposure;
  if (ingress === undefined) return [];
  const host = issuerHost(blueprint.spec.issuer);
  const { annotations, className, tlsSecretName } = ingress;
  return [
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: {
        ...ownedMetadata(blueprint, objectNames.workload(blueprint, 'gateway'), 'gateway'),
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: {
        ...(className === undefined ? {} : { ingressClassName: className }),
        // Not a reference that is waited for: a certificate controller makes the Secret when it sees the Ingress.
        ...(tlsSecretName === undefined ? {} : { tls: [{ hosts: [host], secretName: tlsSecretName }] }),
        rules: [
          {
            host,
            http: {
              paths: [
                {
                  path: '/',
                  pathType: 'Prefix',
                  backend: {
                    service: {
                      name: objectNames.workload(blueprint, 'gateway'),
                      port: { name: gatewayServicePort(blueprint).name },
                    },
                  },
                },
              ],
            },
          },
        ],
      },
    },
  ];
};
