{{- /* What the controller may do with the bindings and Secrets of a namespace it watches. */ -}}
{{- define "tokenbinding.rules" -}}
- apiGroups: [tokenbinding.erauner.dev]
  resources: [tokenbindings]
  verbs: [list, watch, patch]
- apiGroups: [tokenbinding.erauner.dev]
  resources: [tokenbindings/status]
  verbs: [patch]
# list and watch would allow reading values too: the API has no right for metadata alone.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
