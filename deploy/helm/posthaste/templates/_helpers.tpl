{{- define "posthaste.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "posthaste.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "posthaste.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Selects a role's pods: (list $ role). */}}
{{- define "posthaste.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "posthaste.secret" -}}
{{- if .Values.secret.existingSecret }}{{ .Values.secret.existingSecret }}
{{- else if .Values.secret.externalSecret.enabled }}{{ include "posthaste.name" . }}
{{- else }}{{ fail "set secret.existingSecret, or enable secret.externalSecret" }}
{{- end }}
{{- end }}

{{/* An environment variable out of the secret: (list $ variable key). */}}
{{- define "posthaste.secretEnv" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ include "posthaste.secret" (index . 0) }}
      key: {{ index . 2 }}
{{- end }}

{{/* What the pods may do: nothing. */}}
{{- define "posthaste.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "posthaste.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
