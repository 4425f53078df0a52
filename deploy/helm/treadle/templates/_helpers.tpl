{{/* Names, labels, and the parts of pods that several templates share. */}}

{{- define "treadle.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "treadle.labels" -}}
app.kubernetes.io/name: treadle
app.kubernetes.io/part-of: treadle
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* What a selector finds the pods of a component by: (list . "gateway"). Those of Ray have KubeRay's name of an application. */}}
{{- define "treadle.selector" -}}
app.kubernetes.io/part-of: treadle
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "treadle.secret" -}}
{{ .Values.secrets.existing | default (include "treadle.name" .) }}
{{- end -}}

{{- define "treadle.rayAddress" -}}
{{- if .Values.ray.enabled -}}
{{ include "treadle.name" . }}-head-svc:6379
{{- else -}}
{{ required "ray.address: with ray.enabled=false, name the head of a cluster, host:port" .Values.ray.address }}
{{- end -}}
{{- end -}}

{{/* The engines: one for every node, and one for each group of workers that a compute profile can name. */}}
{{- define "treadle.engines" -}}
{{- $engines := list "ray" -}}
{{- range .Values.ray.workers -}}
{{- if and .enabled .engine -}}{{- $engines = append $engines (printf "ray:%s" .engine) -}}{{- end -}}
{{- end -}}
{{ $engines | uniq | join "," }}
{{- end -}}

{{- define "treadle.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "treadle.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{- define "treadle.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "treadle.containerSecurity" . | nindent 2 }}
{{- end -}}

{{/* Where pods of a part go, and how their images are fetched: (list . .Values.gateway). */}}
{{- define "treadle.placement" -}}
securityContext:
  {{- include "treadle.podSecurity" . | nindent 2 }}
{{- with (index . 0).Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index . 1).nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index . 1).tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Pods of a component spread over machines: (list . "gateway"). */}}
{{- define "treadle.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "treadle.selector" . | nindent 8 }}
{{- end -}}

{{/* How the processes of Ray know each other. */}}
{{- define "treadle.rayAuthentication" -}}
- name: RAY_AUTH_MODE
  value: token
- name: RAY_AUTH_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "treadle.secret" . }}
      key: ray_auth_token
{{- end -}}

{{/* The settings of gateways and dispatchers: (list . "gateway"). */}}
{{- define "treadle.settings" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- with $root.Values -}}
- name: TREADLE_ROLE
  value: {{ $role }}
- name: TREADLE_SECRETS
  value: /run/secrets/treadle
- name: TREADLE_ENGINE
  value: {{ include "treadle.engines" $root | quote }}
- name: TREADLE_RAY_ADDRESS
  value: {{ include "treadle.rayAddress" $root | quote }}
- name: TREADLE_URL
  value: "http://{{ include "treadle.name" $root }}-gateway.{{ $root.Release.Namespace }}.svc:{{ .service.port }}"
- name: TREADLE_OBJECTS
  value: {{ .objects.url | quote }}
{{- with .objects.endpoint }}
- name: TREADLE_OBJECTS_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .objects.publicEndpoint }}
- name: TREADLE_OBJECTS_PUBLIC_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .objects.region }}
- name: TREADLE_OBJECTS_REGION
  value: {{ . | quote }}
{{- end }}
- name: TREADLE_OBJECTS_ADDRESSING
  value: {{ .objects.addressing }}
- name: TREADLE_JOB_CPU
  value: {{ .jobs.cpu | quote }}
- name: TREADLE_JOB_MEMORY
  value: {{ .jobs.memory | int64 | quote }}
- name: TREADLE_RUNNING_JOBS
  value: {{ .jobs.running | int64 | quote }}
{{- if .computeProfiles }}
- name: TREADLE_COMPUTE_PROFILES
  value: /etc/treadle/profiles.toml
{{- end }}
{{- range $name, $value := .settings }}
- name: {{ $name }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "treadle.settingsMounts" -}}
- name: home
  mountPath: /var/lib/treadle
- name: tmp
  mountPath: /tmp
- name: secrets
  mountPath: /run/secrets/treadle
  readOnly: true
{{- if .Values.computeProfiles }}
- name: profiles
  mountPath: /etc/treadle
  readOnly: true
{{- end }}
{{- end -}}

{{- define "treadle.settingsVolumes" -}}
- name: tmp
  emptyDir: {}
- name: secrets
  secret:
    secretName: {{ include "treadle.secret" . }}
    defaultMode: 0440
{{- if .Values.computeProfiles }}
- name: profiles
  configMap:
    name: {{ include "treadle.name" . }}-profiles
{{- end }}
{{- end -}}

{{/* Pods are replaced when what they read at their start has changed. */}}
{{- define "treadle.checksums" -}}
checksum/profiles: {{ .Values.computeProfiles | sha256sum }}
checksum/secrets: {{ .Values.secrets.values | toJson | sha256sum }}
{{- end -}}

{{- define "treadle.probes" -}}
startupProbe:
  httpGet:
    path: /liveness/
    port: http
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /liveness/
    port: http
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet:
    path: /readiness/
    port: http
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{/* Parts of network policies. */}}
{{- define "treadle.rayPeers" -}}
- podSelector:
    matchLabels:
      {{- include "treadle.selector" (list . "ray") | nindent 6 }}
- podSelector:
    matchLabels:
      {{- include "treadle.selector" (list . "dispatcher") | nindent 6 }}
{{- end -}}

{{- define "treadle.egressToStores" -}}
- to:
    {{- toYaml .Values.networkPolicy.database.to | nindent 4 }}
  ports:
    - port: {{ .Values.networkPolicy.database.port }}
{{- with include "treadle.egressToObjects" . }}
{{ . }}
{{- end }}
{{- end -}}

{{- define "treadle.egressToObjects" -}}
{{- with .Values.networkPolicy.objects.to -}}
- to:
    {{- toYaml . | nindent 4 }}
  ports:
    - port: {{ $.Values.networkPolicy.objects.port }}
{{- end }}
{{- end -}}

{{- define "treadle.egressToInternet" -}}
- to:
    {{- toYaml .Values.networkPolicy.internet.to | nindent 4 }}
  ports:
    - port: {{ .Values.networkPolicy.internet.port }}
{{- end -}}
