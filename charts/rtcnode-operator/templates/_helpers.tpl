{{- /* Name of everything namespaced: the release, with "rtcnode" when it does not say so itself. */ -}}
{{- define "rtcnode.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-rtcnode" .Release.Name) (contains "rtcnode" .Release.Name) -}}
{{- .Values.fullnameOverride | default $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Name of what has no namespace: two releases must not meet there. */ -}}
{{- define "rtcnode.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "rtcnode.fullname" .) -}}
{{- end -}}

{{- /* What finds the pods again. Each template adds its own app.kubernetes.io/component. Never changes in the life of a release. */ -}}
{{- define "rtcnode.selectorLabels" -}}
app.kubernetes.io/name: rtcnode-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rtcnode.labels" -}}
{{ include "rtcnode.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: rtcnode
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "rtcnode.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}
{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Of pods that run our own image and need nothing of the host: allowed where Pod Security is "restricted". */ -}}
{{- define "rtcnode.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "rtcnode.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* Of the pods that run to their end: Helm's hooks and its test. */ -}}
{{- define "rtcnode.shortPod" -}}
restartPolicy: Never
enableServiceLinks: false
securityContext: {{- include "rtcnode.podSecurityContext" . | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.operator.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "rtcnode.shortContainer" -}}
image: {{ include "rtcnode.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
resources:
  requests: {cpu: 10m, memory: 96Mi}
  limits: {memory: 192Mi}
securityContext: {{- include "rtcnode.containerSecurityContext" . | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end -}}

{{- define "rtcnode.priorityClassName" -}}
{{- .Values.priorityClass.name | default (.Values.priorityClass.create | ternary (include "rtcnode.clusterName" .) "") -}}
{{- end -}}

{{- define "rtcnode.registry.isExternal" -}}
{{- if .Values.registry.external.endpoints }}true{{ end -}}
{{- end -}}

{{- /* One name for any number of members: what an SFU was told when it started stays right. */ -}}
{{- define "rtcnode.registry.endpoints" -}}
{{- if include "rtcnode.registry.isExternal" . -}}
{{ join "," .Values.registry.external.endpoints }}
{{- else -}}
https://{{ include "rtcnode.fullname" . }}-registry.{{ .Release.Namespace }}.svc:2379
{{- end -}}
{{- end -}}

{{- /* Secret with ca.crt, tls.crt and tls.key for the operator, in the release namespace; empty for an etcd without TLS. */ -}}
{{- define "rtcnode.registry.operatorSecret" -}}
{{- if include "rtcnode.registry.isExternal" . -}}
{{ .Values.registry.external.secretName }}
{{- else -}}
{{ include "rtcnode.fullname" . }}-registry-operator
{{- end -}}
{{- end -}}

{{- /* The same for the agents, in each SFU namespace. */ -}}
{{- define "rtcnode.registry.agentSecret" -}}
{{- if include "rtcnode.registry.isExternal" . -}}
{{ .Values.registry.external.secretName }}
{{- else -}}
rtcnode-registry
{{- end -}}
{{- end -}}
