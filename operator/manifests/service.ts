import type { IService } from 'kubernetes-models/v1';
import { type Blueprint, isDatabaseManaged } from './blueprint.ts';
import { ownedMetadata, selectorLabels } from './metadata.ts';
import { objectNames } from './object-names.ts';
import { ports } from './ports.ts';

/** Port of the issuer, on which the gateway's Service listens: in the cluster the issuer's name may lead straight to it. */
export const issuerPort = (issuer: string): number => {
  const { port } = new URL(issuer);
  return port === '' ? 443 : Number(port);
};

/** Host of the issuer, without its port. */
export const issuerHost = (issuer: string): string => new URL(issuer).hostname;

/** The port by which customers reach the gateway's Service. */
export const gatewayServicePort = ({ spec }: Pick<Blueprint, 'spec'>) =>
  spec.gateway.tls === undefined
    ? ({ name: 'http', port: 80, targetPort: 'public', protocol: 'TCP', appProtocol: 'http' } as const)
    : ({
        name: 'https',
        port: issuerPort(spec.issuer),
        targetPort: 'public',
        protocol: 'TCP',
        appProtocol: 'https',
      } as const);

const mutualTlsPort = { name: 'mtls', port: ports.mutualTls, targetPort: 'mtls', protocol: 'TCP' } as const;

const buildPodService = (blueprint: Blueprint, component: 'auth' | 'token-store') =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(blueprint, objectNames.workload(blueprint, component), component),
    spec: { type: 'ClusterIP', selector: selectorLabels(blueprint, component), ports: [mutualTlsPort] },
  }) satisfies IService;

/** All addresses of ready pods: callers balance over them themselves and leave a dead one within a second. */
const buildHeadlessService = (blueprint: Blueprint, component: 'auth' | 'token-store') =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(blueprint, objectNames.headlessService(blueprint, component), component),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      selector: selectorLabels(blueprint, component),
      ports: [mutualTlsPort],
    },
  }) satisfies IService;

const buildGatewayService = (blueprint: Blueprint) => {
  const { type, annotations } = blueprint.spec.gateway.exposure.service;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...ownedMetadata(blueprint, objectNames.workload(blueprint, 'gateway'), 'gateway'),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      type,
      selector: selectorLabels(blueprint, 'gateway'),
      ports: [gatewayServicePort(blueprint)],
    },
  } satisfies IService;
};

/** An address of its own, so that its host can keep the port of the issuer. */
const buildCertificatesServices = (blueprint: Blueprint): IService[] => {
  const { clientCertificates } = blueprint.spec.gateway;
  if (clientCertificates === undefined) return [];
  const { type, annotations } = clientCertificates.service;
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        ...ownedMetadata(blueprint, objectNames.certificatesService(blueprint), 'gateway'),
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: {
        type,
        selector: selectorLabels(blueprint, 'gateway'),
        ports: [
          {
            name: 'https',
            port: issuerPort(blueprint.spec.issuer),
            targetPort: 'certificates',
            protocol: 'TCP',
            appProtocol: 'https',
          },
        ],
      },
    },
  ];
};

const buildDatabaseService = (blueprint: Blueprint) =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(blueprint, objectNames.database(blueprint), 'database'),
    spec: {
      type: 'ClusterIP',
      selector: selectorLabels(blueprint, 'database'),
      ports: [{ name: 'postgres', port: ports.postgres, targetPort: 'postgres', protocol: 'TCP' }],
    },
  }) satisfies IService;

/** The Services of a tenant. */
export const buildServices = (blueprint: Blueprint): IService[] => [
  buildGatewayService(blueprint),
  ...buildCertificatesServices(blueprint),
  buildPodService(blueprint, 'auth'),
  buildHeadlessService(blueprint, 'auth'),
  buildPodService(blueprint, 'token-store'),
  buildHeadlessService(blueprint, 'token-store'),
  ...(isDatabaseManaged(blueprint.spec) ? [buildDatabaseService(blueprint)] : []),
];
