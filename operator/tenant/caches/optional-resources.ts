import type { OptionalKind } from '../../manifests/blueprint.ts';
import type { ResourceKind } from '../../runtime/resource-kind.ts';

/**
 * Kinds of other projects that a tenant's objects may be of. Their CRDs may come later than the operator, or go: they
 * are watched while the API server serves them, and `observed.served` says which those are.
 */
export const optionalResources = {
  serviceMonitors: {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    plural: 'servicemonitors',
    namespaced: true,
  },
  httpRoutes: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', plural: 'httproutes', namespaced: true },
  backendTlsPolicies: {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    plural: 'backendtlspolicies',
    namespaced: true,
  },
} as const satisfies Record<string, ResourceKind & { readonly kind: OptionalKind }>;
