{{/*
What the operator may do in the namespaces that it works in. No wildcard, and none of escalate, bind, impersonate.
operator/privileges.integration.test.ts holds that each rule is used, and none is missing.
*/}}
{{- define "identity-operator.tenantRules" -}}
- apiGroups: [identity-operator.io]
  resources: [identitytenants]
  # patch: finalizers stand in the metadata.
  verbs: [get, list, watch, patch]
- apiGroups: [identity-operator.io]
  resources: [identityclients]
  verbs: [list, watch, patch]
- apiGroups: [identity-operator.io]
  resources: [identitytenants/status, identityclients/status]
  verbs: [patch]
- apiGroups: [identity-operator.io]
  resources: [identitytenants/finalizers, identityclients/finalizers]
  # Owner references that block deletion (OwnerReferencesPermissionEnforcement).
  verbs: [update]
- apiGroups: [""]
  resources: [configmaps, services, serviceaccounts, secrets]
  # list and watch on Secrets cannot be narrowed by label in RBAC: of those that are not ours only metadata is kept.
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, backendtlspolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  # patch: a tenant takes over the volume that an earlier one of its issuer left, and a larger one is asked for.
  # get: one that lost the labels by which it is watched.
  # delete: under `deletionPolicy: Delete` the database's volume goes with its tenant.
  verbs: [get, list, watch, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/eviction]
  # Back to balance after a zone's return: the scheduler never moves a running pod.
  verbs: [create]
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* What has no namespace: zones, and which optional kinds there are. */}}
{{- define "identity-operator.clusterRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
- nonResourceURLs: [/.well-known/openid-configuration, /openid/v1/jwks]
  # By which tokens of service accounts are known. Kubernetes gives this to every service account, unless somebody took it away.
  verbs: [get]
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  # Each by its name, and by metadata alone.
  resourceNames:
    - backendtlspolicies.gateway.networking.k8s.io
    - httproutes.gateway.networking.k8s.io
    - servicemonitors.monitoring.coreos.com
  verbs: [list, watch]
{{- end }}
