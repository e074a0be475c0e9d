{{- define "toolgate.name" -}}
{{ .Release.Name }}-toolgate
{{- end -}}

{{- define "toolgate.selector" -}}
app.kubernetes.io/name: toolgate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "toolgate.labels" -}}
app.kubernetes.io/name: toolgate
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ printf "%q" .Chart.AppVersion }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /* What the chart cannot do is refused here. */ -}}
{{- define "toolgate.checked" -}}
{{- if not (or (eq .Values.mode "service") (eq .Values.mode "daemonset") (eq .Values.mode "sidecar")) -}}
{{ fail "mode is service, daemonset or sidecar" }}
{{- end -}}
{{- if and (not .Values.tls.secretName) (not .Values.insecureListen) (not (eq .Values.mode "sidecar")) -}}
{{ fail "give tls.secretName, or say insecureListen: true where something else encrypts" }}
{{- end -}}
{{- if not (or .Values.policies.inline .Values.policies.configMap .Values.policies.git.repository) -}}
{{ fail "policies come from policies.inline, policies.configMap or policies.git.repository" }}
{{- end -}}
{{- if and .Values.policies.git.repository (not .Values.policies.git.image) -}}
{{ fail "policies.git.image is an image of git-sync 4" }}
{{- end -}}
{{- if and (eq .Values.mode "sidecar") (not .Values.sidecar.containers) -}}
{{ fail "sidecar.containers are the containers to stand beside" }}
{{- end -}}
{{- end -}}

{{- define "toolgate.probe" -}}
exec:
  command:
    - /usr/bin/toolgate
    - healthcheck
    - --config=/etc/toolgate/config.yaml
{{- range .Values.healthcheckArguments }}
    - {{ printf "%q" . }}
{{- end }}
timeoutSeconds: 3
{{- end -}}

{{- define "toolgate.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "toolgate.container" -}}
name: toolgate
image: {{ printf "%s:%s" .Values.image.repository .Values.image.tag | printf "%q" }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - serve
  - --config=/etc/toolgate/config.yaml
{{- if and .Values.insecureListen (not .Values.tls.secretName) (not (eq .Values.mode "sidecar")) }}
  - --insecure-listen
{{- end }}
{{- range .Values.arguments }}
  - {{ printf "%q" . }}
{{- end }}
env:
{{- if .Values.environment }}
  {{- toYaml .Values.environment | nindent 2 }}
{{- end }}
  # Where the configuration names variables.
  - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
ports:
  - {name: http, containerPort: 3592}
  - {name: grpc, containerPort: 3593}
startupProbe:
  {{- include "toolgate.probe" . | nindent 2 }}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  {{- include "toolgate.probe" . | nindent 2 }}
  periodSeconds: 5
  failureThreshold: 1
livenessProbe:
  {{- include "toolgate.probe" . | nindent 2 }}
  periodSeconds: 10
  failureThreshold: 3
lifecycle:
  # Endpoints are told at the same time as this pod: what they still send is answered.
  preStop: {sleep: {seconds: {{ .Values.drainSeconds }}}}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- include "toolgate.confined" . | nindent 2 }}
volumeMounts:
  - {name: config, mountPath: /etc/toolgate, readOnly: true}
  - {name: policies, mountPath: /policies, readOnly: true}
{{- if .Values.tls.secretName }}
  - {name: tls, mountPath: /tls, readOnly: true}
{{- end }}
{{- if .Values.audit }}
  - {name: audit, mountPath: /audit}
{{- end }}
{{- end -}}

{{- define "toolgate.gitSync" -}}
image: {{ printf "%q" .Values.policies.git.image }}
args:
  - {{ printf "--repo=%s" .Values.policies.git.repository | printf "%q" }}
  - {{ printf "--ref=%s" .Values.policies.git.ref | printf "%q" }}
  - {{ printf "--period=%s" .Values.policies.git.period | printf "%q" }}
  - --root=/git
  - --link=current
  - --depth=1
{{- if .Values.policies.git.credentialsSecret }}
envFrom:
  - secretRef: {name: {{ .Values.policies.git.credentialsSecret }}}
{{- end }}
resources:
  requests: {cpu: 10m, memory: 32Mi}
  limits: {memory: 128Mi}
securityContext:
  {{- include "toolgate.confined" . | nindent 2 }}
volumeMounts:
  - {name: policies, mountPath: /git}
  - {name: git-tmp, mountPath: /tmp}
{{- end -}}

{{- define "toolgate.volumes" -}}
- name: config
  configMap: {name: {{ include "toolgate.name" . }}}
{{- if .Values.policies.git.repository }}
- name: policies
  emptyDir: {sizeLimit: 64Mi}
- name: git-tmp
  emptyDir: {sizeLimit: 64Mi}
{{- else }}
- name: policies
  projected:
    sources:
{{- if .Values.policies.configMap }}
      - configMap: {name: {{ .Values.policies.configMap }}}
{{- else }}
      - configMap: {name: {{ include "toolgate.name" . }}-policies}
{{- end }}
{{- if .Values.policies.schemasConfigMap }}
      - configMap: {name: {{ .Values.policies.schemasConfigMap }}}
{{- end }}
{{- if .Values.policies.schemas }}
      - configMap:
          name: {{ include "toolgate.name" . }}-schemas
          items:
{{- range $name, $text := .Values.policies.schemas }}
            - {key: {{ printf "%q" $name }}, path: {{ printf "_schemas/%s" $name | printf "%q" }}}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.tls.secretName }}
- name: tls
  secret: {secretName: {{ .Values.tls.secretName }}, defaultMode: 0440}
{{- end }}
{{- if .Values.audit }}
- name: audit
  {{- toYaml .Values.auditVolume | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "toolgate.pod" -}}
metadata:
  labels:
    {{- include "toolgate.labels" . | nindent 4 }}
{{- if .Values.podLabels }}
    {{- toYaml .Values.podLabels | nindent 4 }}
{{- end }}
{{- if .Values.podAnnotations }}
  annotations:
    {{- toYaml .Values.podAnnotations | nindent 4 }}
{{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  # The drain, what is in flight, and some.
  terminationGracePeriodSeconds: 60
  securityContext:
    runAsNonRoot: true
    fsGroup: 65532
    seccompProfile: {type: RuntimeDefault}
{{- if .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml .Values.image.pullSecrets | nindent 4 }}
{{- end }}
{{- if or .Values.policies.git.repository (eq .Values.mode "sidecar") }}
  initContainers:
{{- if .Values.policies.git.repository }}
    # The policies must be there before anything is decided by them.
    - name: git-clone
      {{- include "toolgate.gitSync" . | nindent 6 }}
      env: [{name: GITSYNC_ONE_TIME, value: "true"}]
    - name: git-sync
      restartPolicy: Always
      {{- include "toolgate.gitSync" . | nindent 6 }}
{{- end }}
{{- if eq .Values.mode "sidecar" }}
    # Started before what it stands beside, and ended after it.
    - restartPolicy: Always
      {{- include "toolgate.container" . | nindent 6 }}
{{- end }}
{{- end }}
  containers:
{{- if eq .Values.mode "sidecar" }}
    {{- toYaml .Values.sidecar.containers | nindent 4 }}
{{- else }}
    - {{ include "toolgate.container" . | nindent 6 }}
{{- end }}
  volumes:
    {{- include "toolgate.volumes" . | nindent 4 }}
{{- if .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml .Values.nodeSelector | nindent 4 }}
{{- end }}
{{- if .Values.tolerations }}
  tolerations:
    {{- toYaml .Values.tolerations | nindent 4 }}
{{- end }}
{{- if .Values.affinity }}
  affinity:
    {{- toYaml .Values.affinity | nindent 4 }}
{{- else if not (eq .Values.mode "daemonset") }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "toolgate.selector" . | nindent 10 }}
{{- end }}
{{- end -}}
