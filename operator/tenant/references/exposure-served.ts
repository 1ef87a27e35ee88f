import type { TenantSpec } from '../../api/identity-tenant.ts';
import type { OptionalKind } from '../../manifests/blueprint.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';

const neededKinds = ({ gateway }: TenantSpec): OptionalKind[] => {
  if (gateway.exposure.gatewayAPI === undefined) return [];
  // Without its policy a Gateway would speak plain HTTP to a port that speaks TLS.
  return gateway.tls === undefined ? ['HTTPRoute'] : ['HTTPRoute', 'BackendTLSPolicy'];
};

/** What the cluster lacks of the kinds by which customers are to reach the tenant; undefined when it has them. */
export const decideExposureServed = (
  spec: TenantSpec,
  served: ReadonlySet<OptionalKind>,
): TenantVerdict | undefined => {
  const missing = neededKinds(spec).find((kind) => !served.has(kind));
  if (missing === undefined) return undefined;
  const message = `the cluster does not serve ${missing} (gateway.networking.k8s.io/v1), which spec.gateway.exposure.gatewayAPI needs; install the Gateway API, 1.4 or newer, or choose another exposure`;
  return { type: 'ReferencesResolved', status: 'False', reason: 'KindNotServed', message };
};
