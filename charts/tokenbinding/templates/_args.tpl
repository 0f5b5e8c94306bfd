{{- /* The controller's flags. Kubernetes itself expands $(POD_NAME) and $(POD_NAMESPACE). */ -}}
{{- define "tokenbinding.args" -}}
- --leader-elect-namespace=$(POD_NAMESPACE)
- --leader-elect-lease-name={{ include "tokenbinding.fullname" . }}
- --identity=$(POD_NAME)
- --metrics-bind-address=:{{ .Values.metrics.port }}
- --log-level={{ .Values.logLevel }}
- --workers={{ .Values.workers }}
- --provider-qps={{ .Values.provider.qps }}
- --provider-concurrency={{ .Values.provider.concurrency }}
- --fly-api-url={{ .Values.flyApiUrl }}
{{- with .Values.watchNamespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
{{- with .Values.egress.allowHosts }}
- {{ printf "--egress-allow-hosts=%s" (join "," .) | quote }}
{{- end }}
{{- if or .Values.caBundle.configMapName .Values.caBundle.secretName }}
- --ca-file=/etc/tokenbinding/ca/ca.crt
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}
