{{- define "branchline.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "branchline.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Not app.kubernetes.io/managed-by: branchline: that is how the controller recognises what it owns. */}}
{{- define "branchline.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "branchline.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: branchline
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "branchline.serviceAccount" -}}
{{- default (include "branchline.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "branchline.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "branchline.caSecret" -}}{{ include "branchline.fullname" . }}-ca{{- end -}}
{{- define "branchline.servingSecret" -}}
{{- if eq .Values.certificates.mode "given" -}}{{ .Values.certificates.given.secretName }}{{- else -}}{{ include "branchline.fullname" . }}-tls{{- end -}}
{{- end -}}

{{- define "branchline.runsController" -}}
{{- if ne (toString (get .Values.settings "controller")) "false" -}}true{{- end -}}
{{- end -}}

{{- define "branchline.drainSeconds" -}}
{{- if hasKey .Values.settings "drainSeconds" -}}{{ get .Values.settings "drainSeconds" }}{{- else -}}10{{- end -}}
{{- end -}}

{{/* Of the container; with it a Pod passes Pod Security "restricted". */}}
{{- define "branchline.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "branchline.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{/* What the commands of hooks and tests need of the settings file. */}}
{{- define "branchline.systemFlags" -}}
- --system-namespace={{ .Release.Namespace }}
- --webhook-configuration={{ include "branchline.fullname" . }}
{{- end -}}
