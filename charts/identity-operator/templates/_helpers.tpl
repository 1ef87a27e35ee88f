{{/* Name of every object; in the cluster's scope two releases must differ in it. */}}
{{- define "identity-operator.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- end }}

{{- define "identity-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "identity-operator.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{/* The first of them is what tenants' NetworkPolicies let in, so it is the same in every release. */}}
{{- define "identity-operator.selectorLabels" -}}
app.kubernetes.io/name: identity-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Without a version: an upgrade changes the Deployment and nothing else. Helm adds that it manages them. */}}
{{- define "identity-operator.metadata" -}}
name: {{ include "identity-operator.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "identity-operator.selectorLabels" . | nindent 2 }}
{{- end }}

{{- define "identity-operator.clusterMetadata" -}}
name: {{ include "identity-operator.fullname" . }}
labels:
  {{- include "identity-operator.selectorLabels" . | nindent 2 }}
{{- end }}

{{- define "identity-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "identity-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "identity-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
