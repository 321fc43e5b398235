{{- define "web.container" -}}
name: web
image: {{ .Values.image }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end }}
