"""The kinds that the operator reads and writes, and where the API server serves them.

Discovery is not needed for kinds that are known when the program is written: the paths follow the API convention
`/api/v1/...` for the core group and `/apis/GROUP/VERSION/...` for all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from pronote_operator.api.constants import GROUP, VERSION


@dataclass(frozen=True, slots=True)
class Kind:
    """One served kind.

    Args:
        api_version: `v1` or `GROUP/VERSION`.
        kind: CamelCase kind.
        plural: the resource's name in paths.
        namespaced: whether objects live in a namespace.
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; the empty string for the core group."""
        return self.api_version.rpartition("/")[0]

    def collection(self, namespace: str | None = None) -> str:
        """Path of the collection, of one namespace or (None) of the whole cluster."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        if namespace is None or not self.namespaced:
            return f"{root}/{self.plural}"
        return f"{root}/namespaces/{quote(namespace, safe='')}/{self.plural}"

    def path(self, namespace: str | None, name: str, subresource: str = "") -> str:
        """Path of one object, or of one of its subresources."""
        tail = f"/{subresource}" if subresource else ""
        return f"{self.collection(namespace)}/{quote(name, safe='')}{tail}"


_OURS = f"{GROUP}/{VERSION}"

BASES = Kind(_OURS, "PronoteBase", "pronotebases")
PUBLICATIONS = Kind(_OURS, "Publication", "publications")
DELEGATIONS = Kind(_OURS, "CasDelegation", "casdelegations")
POLICIES = Kind(_OURS, "BackupPolicy", "backuppolicies", namespaced=False)
CHANNELS = Kind(_OURS, "VersionChannel", "versionchannels", namespaced=False)

STATEFUL_SETS = Kind("apps/v1", "StatefulSet", "statefulsets")
SERVICES = Kind("v1", "Service", "services")
SECRETS = Kind("v1", "Secret", "secrets")
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps")
VOLUME_CLAIMS = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments")
DISRUPTION_BUDGETS = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
INGRESSES = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
HTTP_ROUTES = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
NETWORK_POLICIES = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
PODS = Kind("v1", "Pod", "pods")
STORAGE_CLASSES = Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False)
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
ACCESS_REVIEWS = Kind(
    "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False
)
EVENTS = Kind("events.k8s.io/v1", "Event", "events")

CHILD_KINDS = (VOLUME_CLAIMS, CONFIG_MAPS, SERVICES, NETWORK_POLICIES, STATEFUL_SETS)
"""Watched in all served namespaces by label. Secrets are watched apart, only in namespaces that hold a base."""
WEB_KINDS = (DEPLOYMENTS, DISRUPTION_BUDGETS, INGRESSES)
"""What publications have beside; watched likewise. HTTPRoutes are watched apart, once the cluster has the kind."""

BY_KIND = {kind.kind: kind for kind in (*CHILD_KINDS, *WEB_KINDS, HTTP_ROUTES, SECRETS, ROLE_BINDINGS)}
