{{/* What the schema could only say as a regular expression. */}}
{{- define "identity-operator.checks" -}}
{{- with .Values.image.repository -}}
{{- if or (contains "@" .) (regexMatch ":[^/]*$" .) (contains "://" .) -}}
{{- fail (printf "image.repository: %q has a tag, a digest or a scheme; write registry/name here, and the rest in image.tag or image.digest" .) -}}
{{- end -}}
{{- end -}}
{{- range .Values.allowedRegistries -}}
{{- if not (regexMatch "^[a-z0-9][-a-z0-9.]*(:[0-9]+)?(/[a-z0-9][-_.a-z0-9]*)*$" .) -}}
{{- fail (printf "allowedRegistries: %q is no registry or repository such as registry.example.com/identity, without scheme, tag, digest and trailing slash" .) -}}
{{- end -}}
{{- end -}}
{{- range $namespace, $patterns := .Values.allowedIssuers -}}
{{- if not (regexMatch "^([*]|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$" $namespace) -}}
{{- fail (printf "allowedIssuers: %q is no name of a namespace, nor \"*\" for all that are not listed" $namespace) -}}
{{- end -}}
{{- range $patterns -}}
{{- if not (regexMatch "^https://[^/\\s?#]+(/[^/\\s?#]+)*$" .) -}}
{{- fail (printf "allowedIssuers.%s: %q is no pattern of an issuer such as https://*.example.com, an https URL without query and trailing slash" $namespace .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
