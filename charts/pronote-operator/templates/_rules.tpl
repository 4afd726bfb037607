{{- /* Every right of the operator. docs/reference/rbac.md says what each is for; a test compares the two. */ -}}

{{- define "pronote-operator.rules.clusterScoped" -}}
- apiGroups: [pronote.hosting]
  resources: [backuppolicies, versionchannels]
  verbs: [list, watch]
- apiGroups: [pronote.hosting]
  resources: [backuppolicies/status, versionchannels/status]
  verbs: [patch]
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [get]
{{- end -}}

{{- define "pronote-operator.rules.namespaced" -}}
- apiGroups: [pronote.hosting]
  resources: [pronotebases]
  verbs: [list, watch]
- apiGroups: [pronote.hosting]
  resources: [pronotebases/status]
  verbs: [patch]
- apiGroups: [pronote.hosting]
  resources: [casdelegations]
  verbs: [list, watch]
- apiGroups: [pronote.hosting]
  resources: [casdelegations/status]
  verbs: [patch]
- apiGroups: [pronote.hosting]
  resources: [publications]
  verbs: [list, watch]
- apiGroups: [pronote.hosting]
  resources: [publications/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- define "pronote-operator.rules.secrets" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
{{- end -}}

{{- /* Lets the operator give itself the role for Secrets in a namespace, and no other role. */ -}}
{{- define "pronote-operator.rules.bindSecrets" -}}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [{{ include "pronote-operator.roleForSecrets" . }}]
  verbs: [bind]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [list, create]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  resourceNames: [pronote-operator-secrets]
  verbs: [patch, delete]
{{- end -}}

{{- define "pronote-operator.rules.lease" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [pronote-operator]
  verbs: [get, update]
{{- end -}}

{{- /* In the operator's own namespace: in namespaced mode it may read nothing else there. */ -}}
{{- define "pronote-operator.rules.catalogue" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "pronote-operator.entCatalogue" . }}]
  verbs: [list, watch]
{{- end -}}
